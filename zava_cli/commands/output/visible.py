"""Text for human eyes: characters that could steer a terminal or reorder a line become visible escapes."""

from __future__ import annotations

import re

# C0, DEL and C1 controls; line and paragraph separators; bidirectional marks, embeddings and isolates;
# zero-width space, byte order mark; tag characters. The joiners U+200C and U+200D stay: emoji and several
# scripts need them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str) -> str:
    """`text` on one line, with every control and bidi character written as an escape such as `\\x1b`."""
    # Nothing that is to be escaped counts as printable, and this test is far cheaper than the search.
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def visible_lines(text: str) -> list[str]:
    """The lines of `text`, each made safe with `visible`; `\\r\\n` ends a line as `\\n` does."""
    return [visible(line) for line in text.replace("\r\n", "\n").split("\n")]


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
