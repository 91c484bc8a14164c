"""The common English words that the local model's tokenizer knows as a whole."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
# How SentencePiece writes the beginning of a word.
_BEGINS = "▁"


@cache
def common_words() -> frozenset[str]:
    """Words that are one token each, so frequent enough to be no slip; none where the package wordllama is missing.

    Reads 2 MB once in the life of a process; neither the package nor its model is loaded.
    """
    package = find_spec("wordllama")
    if package is None or package.origin is None:
        return frozenset()
    try:
        text = (Path(package.origin).parent / _TOKENIZER).read_text(encoding="utf-8")
        tokens = json.loads(text)["model"]["vocab"]
    except (OSError, ValueError, KeyError):
        return frozenset()
    return frozenset(token.removeprefix(_BEGINS) for token in tokens if token.startswith(_BEGINS))
