"""Transformer models on this machine: a folder with an ONNX file and a tokenizer, run by onnxruntime.

Nothing is fetched from the network: a model is a folder, or what `hf download` has put into the hub's cache.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from zava_cli.infra.errors import EmbeddingRefusedError, EmbeddingSetupError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

EXTRA = "pip install 'zava[onnx]'"
FILES = ("onnx/model.onnx", "model.onnx")
MOST_TOKENS = 512
"""Of one text, or of a question and a text together: what most such models were trained on."""
MOST_CONFIG_BYTES, MOST_TOKENIZER_BYTES = 1 << 20, 1 << 28
"""Larger files are no such thing, and reading one would take the memory of all others."""
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


_FOLDERS = re.compile(r"(?<![\w.])/(?:[^/\s\"']+/)+")
"""Those above an absolute path, which do not concern everybody who is told."""


class OnnxModel:
    """A model by the name of an absolute folder or of a repository in the hub's cache, loaded on first use.

    Its methods may be called from several threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.shown = shown_name(name)
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    def run(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The model's first output for texts or pairs of them, and their attention mask (len(texts), tokens).

        Raises EmbeddingSetupError (no such model, or none that works) and EmbeddingRefusedError (it failed).
        """
        loaded = self.load()
        with _told(EmbeddingRefusedError, f"The model {self.shown} failed on these texts.", loaded.folder):
            return loaded.run(texts)

    def config(self, file: str) -> dict[str, Any]:
        """What a JSON file of its folder says; nothing where there is none. Errors as for `run`."""
        folder = self.load().folder
        with _told(EmbeddingSetupError, f"The model {self.shown} cannot be used.", folder):
            return _json(folder / file)

    def load(self) -> _Loaded:
        """Makes it ready. Raises EmbeddingSetupError."""
        with self._lock:
            if self._loaded is None:
                folder = _folder(self._name, self.shown)
                with _told(EmbeddingSetupError, f"The model {self.shown} cannot be loaded.", folder):
                    self._loaded = _Loaded(folder)
            return self._loaded

    def unload(self) -> None:
        """Let go of its memory."""
        with self._lock:
            self._loaded = None


class _Loaded:
    """What a folder holds, in memory."""

    def __init__(self, folder: Path) -> None:
        # It has no types.
        onnxruntime: Any = import_module("onnxruntime")
        self.folder = folder
        file = next((folder / name for name in FILES if (folder / name).is_file()), None)
        if file is None:
            raise FileNotFoundError(f"there is no {' and no '.join(FILES)} in it")
        options = onnxruntime.SessionOptions()
        # Its threads would keep the processor busy between two searches.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # What it would write to stderr is in the exception too.
        options.log_severity_level = 4
        with _named(file):
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._inputs: set[str] = {entry.name for entry in self._session.get_inputs()}
        if not self._inputs <= INPUTS:
            raise ValueError(f"it wants {', '.join(sorted(self._inputs - INPUTS))}, which only some models do")
        self._tokenizer = _tokenizer(folder)

    def run(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        import numpy as np

        encoded = self._tokenizer.encode_batch(list(texts))
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        offered = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([one.type_ids for one in encoded], dtype=np.int64),
        }
        outputs = self._session.run(None, {name: offered[name] for name in self._inputs})
        return outputs[0], mask


def shown_name(name: str) -> str:
    """A model's name for those whom the server's folders do not concern: the last part of a folder's.

    Two folders may look alike by it; on record a model has its full name.
    """
    return Path(name).name if _is_folder(name) else name


def _is_folder(name: str) -> bool:
    """A relative folder does not count: it would be another one in every place."""
    return Path(name).expanduser().is_absolute()


def _folder(name: str, shown: str) -> Path:
    """Where the model lies."""
    if _is_folder(name):
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder
        raise EmbeddingSetupError(f"There is no folder {shown} with a model.", hint="Check the path in the settings.")
    try:
        # It is typed for every other way to use it.
        hub: Any = import_module("huggingface_hub")
        return Path(hub.snapshot_download(name, local_files_only=True))
    except ImportError as exc:
        raise _is_missing("huggingface_hub") from exc
    except (OSError, ValueError) as exc:
        raise EmbeddingSetupError(
            f"The model {name} is not on this machine.",
            hint=f"Fetch it once with `hf download {name} --include '*.json' '{FILES[0]}'`, or name the full path of "
            "a folder that has these files.",
        ) from exc


def _tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    with _named(file):
        _sized(file, MOST_TOKENIZER_BYTES)
        tokenizer = Tokenizer.from_file(str(file))
    config = _json(folder / "tokenizer_config.json")
    sizes = [_json(folder / "sentence_bert_config.json").get("max_seq_length"), config.get("model_max_length")]
    # Some write 1e30 for unknown.
    longest = next((size for size in sizes if isinstance(size, int) and size > 0), MOST_TOKENS)
    # Files of the hub often say that each text is cut or filled to 128 tokens.
    tokenizer.enable_truncation(min(longest, MOST_TOKENS))
    pad = config.get("pad_token") or "[PAD]"
    with _named(folder / "tokenizer_config.json"):
        pad = cast("str", pad["content"] if isinstance(pad, dict) else pad)
        tokenizer.enable_padding(pad_token=pad, pad_id=tokenizer.token_to_id(pad) or 0)
    return tokenizer


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    with _named(file):
        _sized(file, MOST_CONFIG_BYTES)
        found = json.loads(file.read_text("utf-8"))
        if not isinstance(found, dict):
            raise TypeError("it is no JSON object")
        return cast("dict[str, Any]", found)


def _sized(file: Path, most: int) -> None:
    if (size := file.stat().st_size) > most:
        raise ValueError(f"it has {size:,} bytes, and {most:,} are the most")


def _is_missing(package: str) -> EmbeddingSetupError:
    return EmbeddingSetupError(
        f"Models of one's own need the package {package}, which is not installed here.", hint=f"{EXTRA}."
    )


@contextmanager
def _named(file: Path) -> Generator[None]:
    """Says of whatever goes wrong in which file; the libraries mostly do not."""
    try:
        yield
    except Exception as exc:
        raise ValueError(f"{file.name}: {str(exc) or type(exc).__name__}") from exc


@contextmanager
def _told(kind: type[EmbeddingRefusedError | EmbeddingSetupError], what: str, folder: Path) -> Generator[None]:
    """Tells of whatever goes wrong; both libraries raise plain Exceptions."""
    try:
        yield
    except ImportError as exc:
        raise _is_missing(exc.name or "onnxruntime") from exc
    except Exception as exc:
        reason = str(exc).strip().partition("\n")[0].replace(str(folder), folder.name).rstrip(".")
        # A link may have led elsewhere.
        reason = _FOLDERS.sub("", reason)
        raise kind(what, hint=f"{reason or type(exc).__name__}. It must be an encoder with an ONNX file.") from exc
