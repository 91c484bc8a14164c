"""Folders with tiny models for onnxruntime, which know a few words and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
DIMENSIONS = 64


def cross_encoder(folder: Path, words: Sequence[str]) -> Path:
    """Counts how often a word of the question that it knows is in the text, as a logit."""
    _skip_without_the_extra()
    from onnx import TensorProto, helper

    node = helper.make_node
    integers = {name: helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in _INTEGERS.items()}
    last, pairs = helper.make_tensor("last", TensorProto.INT64, [1], [1]), [1, 2]
    nodes = [
        node("Greater", ["input_ids", "special"], ["is_known"]),
        node("Cast", ["is_known"], ["known"], to=TensorProto.INT64),
        node("Mul", ["known", "token_type_ids"], ["in_text"]),
        node("Sub", ["known", "in_text"], ["in_question"]),
        node("Unsqueeze", ["input_ids", "two"], ["down"]),
        node("Unsqueeze", ["input_ids", "one"], ["across"]),
        node("Equal", ["down", "across"], ["is_same"]),
        node("Cast", ["is_same"], ["same"], to=TensorProto.INT64),
        node("Unsqueeze", ["in_question", "two"], ["from"]),
        node("Unsqueeze", ["in_text", "one"], ["to"]),
        node("Mul", ["from", "to"], ["counts"]),
        node("Mul", ["same", "counts"], ["matches"]),
        node("ReduceSum", ["matches", "pairs"], ["sum"], keepdims=0),
        node("Unsqueeze", ["sum", "last"], ["column"]),
        node("Cast", ["column"], ["logits"], to=TensorProto.FLOAT),
    ]
    constants = [*integers.values(), last, helper.make_tensor("pairs", TensorProto.INT64, [2], pairs)]
    return _write(folder, words, nodes, constants, ("logits", ["texts", 1]))


_INTEGERS = {"special": len(SPECIAL) - 1, "one": 1, "two": 2}


def sentence_transformer(folder: Path, words: Sequence[str], **pooling: Any) -> Path:
    """Gives each word that it knows a direction of its own, and the words it does not know another one."""
    _skip_without_the_extra()
    from onnx import helper, numpy_helper

    table = np.random.default_rng(7).normal(size=(len(SPECIAL) + len(words), DIMENSIONS)).astype(np.float32)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    constants = [numpy_helper.from_array(table, "table")]
    _write(folder, words, nodes, constants, ("last_hidden_state", ["texts", "tokens", DIMENSIONS]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


def weights_moved(folder: Path, location: str) -> bytes:
    """Makes the model of a folder look for its weights in another file, and returns them."""
    import onnx

    file = folder / "onnx" / "model.onnx"
    model = onnx.load(file)
    (table,) = model.graph.initializer
    weights = table.raw_data
    onnx.external_data_helper.set_external_data(table, location)
    table.ClearField("raw_data")
    file.write_bytes(model.SerializeToString())
    return weights


def _skip_without_the_extra() -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra: pip install 'zava[onnx]'")
    pytest.importorskip("onnx", reason="makes the tiny models of these tests")


def _write(
    folder: Path, words: Sequence[str], nodes: list[Any], constants: list[Any], output: tuple[str, list[str | int]]
) -> Path:
    import onnx
    from onnx import TensorProto, helper

    used = {name for node in nodes for name in node.input}
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "token_type_ids")
        if name in used
    ]
    outputs = [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "onnx").mkdir(parents=True)
    onnx.save(model, folder / "onnx" / "model.onnx")
    _write_tokenizer(folder, words)
    return folder


def _write_tokenizer(folder: Path, words: Sequence[str]) -> None:
    """As on the hub, where files often say that every text is cut and filled to a length of their own."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )  # fmt: skip
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": int(1e30), "pad_token": "[PAD]"}))
