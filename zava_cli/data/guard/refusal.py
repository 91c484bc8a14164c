"""The text under inspection, and the one way in which the guard says no."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from zava_cli.infra.errors import QueryRefusedError
from zava_cli.infra.operations import Way, current_operation

READ_ONLY_HINT = "Queries may only read; write one SELECT, VALUES, TABLE, EXPLAIN or SHOW."


def tables_hint() -> str:
    """Where whoever asks finds the names of tables and columns."""
    is_person = current_operation().way is Way.TERMINAL
    return f"{'`zava schema`' if is_person else 'get_table_schemas'} shows the tables, and the columns of those named."


@dataclass(frozen=True)
class SourceText:
    """One SQL text as the user wrote it; the parser counts UTF-8 bytes, people count characters from 1."""

    sql: str

    @cached_property
    def utf8(self) -> bytes:
        """The text as the parser sees it."""
        return self.sql.encode("utf-8")

    def character_at(self, byte: int) -> int:
        """The 0-based character at a 0-based byte offset."""
        return len(self.utf8[:byte].decode("utf-8", errors="ignore"))

    def refusal(self, message: str, construct: str, *, character: int | None = None, hint: str) -> QueryRefusedError:
        """The error to raise; `character` is 0-based in the text."""
        position = None if character is None else character + 1
        return QueryRefusedError(message, construct, self.sql, hint=hint, position=position)

    def refusal_at_byte(self, message: str, construct: str, *, byte: int, hint: str) -> QueryRefusedError:
        """The same for a place that the parse tree gives as a byte offset."""
        return self.refusal(message, construct, character=self.character_at(byte), hint=hint)
