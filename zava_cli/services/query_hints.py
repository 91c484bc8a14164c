"""The way out of a mistake in a query, where PostgreSQL tells none that its writer could follow."""

from __future__ import annotations

import difflib
import re

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.guard.refusal import tables_hint
from zava_cli.data.query import relation_names
from zava_cli.infra.errors import DatabaseError

UNDEFINED_TABLE = "42P01"
UNDEFINED_COLUMN = "42703"
NO_DATE = {"22007", "22008"}
NO_OPERATOR = "42883"
DATE = r"(date|timestamp)\b"
NO_DATE_MESSAGE = re.compile(f"invalid input syntax for type {DATE}|date/time field value out of range")
"""Others of those codes are about intervals and patterns of to_date."""
# A date without quotes is a subtraction.
COMPARED = re.compile(f": {DATE}[a-z ]* [<>=]+ integer$")
SHIFTED = re.compile(f": {DATE}[a-z ]* [+-] integer$")
DATE_HINT = "Dates stand in single quotes, year first: '2026-03-31'."
SHIFT_HINT = "Add or take an interval: order_date - interval '30 days'."
TEXT_HINT = "Texts stand in single quotes; double quotes are for names of columns."


async def add_hint(provider: PostgreSQLProvider, caller: Caller, error: DatabaseError) -> None:
    """Gives an error of the server a hint; names of columns that are nearly right have the server's own already."""
    if _is_no_date(error):
        # The server's own speaks of DateStyle, which no query may set.
        error.hint = DATE_HINT
    elif error.sqlstate == NO_OPERATOR and SHIFTED.search(error.message):
        error.hint = SHIFT_HINT
    elif error.sqlstate == UNDEFINED_COLUMN and not error.hint:
        error.hint = TEXT_HINT if _is_quoted(error) else tables_hint()
    elif error.sqlstate == UNDEFINED_TABLE and not error.hint:
        await _suggest_table(provider, caller, error)


def _is_no_date(error: DatabaseError) -> bool:
    if error.sqlstate in NO_DATE:
        return NO_DATE_MESSAGE.match(error.message) is not None
    return error.sqlstate == NO_OPERATOR and COMPARED.search(error.message) is not None


def _is_quoted(error: DatabaseError) -> bool:
    return error.position is not None and (error.query or "")[error.position - 1 :].startswith('"')


async def _suggest_table(provider: PostgreSQLProvider, caller: Caller, error: DatabaseError) -> None:
    wanted = error.message.split('"')[1].rpartition(".")[2] if '"' in error.message else ""
    async with provider.reader(caller, alone=True) as session:
        names = await relation_names(session)
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    error.hint = f"Perhaps you meant {near[0]}." if near else f"There are: {', '.join(names)}."
