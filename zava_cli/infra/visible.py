"""Text for eyes and models: characters that steer a terminal, reorder a line or hide become visible escapes."""

from __future__ import annotations

import re

# C0, DEL and C1 controls; line and paragraph separators; bidirectional marks, embeddings and isolates;
# zero-width space, byte order mark; tag characters; halves of surrogate pairs, which no output can hold. The
# joiners U+200C and U+200D stay: emoji and several scripts need them.
_STEERING = (
    "\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f"
)
# What shows nothing and can carry a message of its own: fillers, soft hyphens, further variation selectors, and
# more than one selector in a row where an emoji has one.
_HIDING = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\U000e0100-\U000e01ef"
_UNSAFE = re.compile(f"[{_STEERING}]")
_HIDDEN = re.compile(f"[{_STEERING}{_HIDING}]|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str) -> str:
    """`text` on one line, with every control and bidi character written as an escape such as `\\x1b`."""
    # Nothing that is to be escaped counts as printable, and this test is far cheaper than the search.
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def visible_lines(text: str) -> list[str]:
    """The lines of `text`, each made safe with `visible`; `\\r\\n` ends a line as `\\n` does."""
    return [visible(line) for line in text.replace("\r\n", "\n").split("\n")]


def revealed(text: str) -> str:
    """`text` on one line for a model: like `visible`, and characters that a reader would not see are escaped too."""
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_escape, text)


def revealed_json(document: str) -> str:
    """A JSON document of one line in which such characters stand as `\\uXXXX`: seen by a reader, the same value.

    Valid JSON holds them within strings only, apart from white space, which stays.
    """
    if document.isascii() and "\x7f" not in document:
        return document
    return _HIDDEN.sub(_json_escape, document)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in "\n\r\t":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
