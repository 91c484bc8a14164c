"""What pydantic says of a value, as one of zava's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zava_cli.infra.errors import ValidationError

if TYPE_CHECKING:
    from pydantic import ValidationError as PydanticError


def reason(exc: PydanticError) -> str:
    """Its first complaint, in a person's words."""
    first = exc.errors(include_url=False, include_input=False)[0]
    if first["type"] == "string_unicode":
        return "it is not UTF-8 text"
    return first["msg"].removeprefix("Value error, ")


def invalid(exc: PydanticError, *, hint: str) -> ValidationError:
    """The error for its first complaint; what concerns several values together has no name of a field."""
    place = exc.errors(include_url=False, include_input=False)[0]["loc"]
    return ValidationError(".".join(map(str, place)) or "arguments", None, reason(exc), hint=hint)
