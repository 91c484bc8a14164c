"""What a bearer token looks like: `zava_<prefix>_<secret and checksum>`, and what is kept of it.

The checksum tells a typing error from a wrong token without asking anybody, and lets scanners that look for
leaked secrets recognise a real one.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
MARK = "zava_"
PREFIX_LENGTH = 8
SECRET_LENGTH = 43
"""Characters of base 62 that hold 256 bits."""
CHECKSUM_LENGTH = 6
_FORM = re.compile(rf"{MARK}([0-9A-Za-z]{{{PREFIX_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}")


def new_token() -> str:
    """A token that nobody has seen before."""
    body = f"{MARK}{_random(PREFIX_LENGTH)}_{_random(SECRET_LENGTH)}"
    return body + _checksum(body)


def prefix_of(token: str) -> str | None:
    """The part that names a token; None when the text is no token or has a typing error in it."""
    found = _FORM.fullmatch(token)
    if found is None or _checksum(token[:-CHECKSUM_LENGTH]) != token[-CHECKSUM_LENGTH:]:
        return None
    return found[1]


def token_hmac(key: bytes, token: str) -> bytes:
    """What the database keeps of a token."""
    return hmac.digest(key, token.encode(), "sha256")


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
