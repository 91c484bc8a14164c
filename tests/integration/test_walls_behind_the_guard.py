"""Everything that the guard refuses, with the guard taken away: the server alone keeps rows, and writes nothing."""

from __future__ import annotations

import re

from tests.attacks import exported, extended, fingerprint, simple
from tests.hostile_statements import attack_statements
from tests.small_data import FOREIGN_NAMES, FOREIGN_TO_SEATTLE, Walls, expected
from tests.unit.test_guard import REFUSED
from zava_cli.data.database import PostgreSQLProvider

QUERY = re.compile(r"\s*\(*\s*(select|with|values|table)\b", re.IGNORECASE)

# Longer than this are only the texts that are made to stall a parser.
STATEMENTS = sorted({sql for sql in [*(sql for _, _, sql in REFUSED), *attack_statements()] if len(sql) < 1_000})

# What only a superuser can take from everybody: how many rows a table has, and how much is done with the server.
TOTALS = re.compile(
    r"pg_stat|pg_class|_size\(|reltuples|relpages|pg_lock|txid|xact|snapshot|_wal_|age\(", re.IGNORECASE
)

# Statistics of the catalog itself, in which the numbers of types and functions look like any other number.
CATALOG_NUMBERS = re.compile(r"pg_stats\b", re.IGNORECASE)


def _foreign(walls: Walls, sql: str, answer: str) -> bool:
    if CATALOG_NUMBERS.search(sql) or (walls.kind == "no superuser" and TOTALS.search(sql)):
        return FOREIGN_NAMES.search(answer) is not None
    return FOREIGN_TO_SEATTLE.search(answer) is not None


async def test_nothing_that_the_guard_refuses_shows_a_foreign_row_or_writes_without_it(
    walls: Walls, gateway: PostgreSQLProvider
) -> None:
    sam = await gateway.identify("Sam Seattle")
    before = await fingerprint(walls)
    for sql in STATEMENTS:
        answers = [await extended(gateway, sam, sql, timeout=0.3)]
        if QUERY.match(sql):
            answers.append(await exported(gateway, sam, sql, timeout=0.3))
        else:
            # As if the protocol allowed several statements and one had already left the bounded transaction.
            answers.append(await simple(gateway, sam, "COMMIT; BEGIN READ WRITE; " + sql, timeout=0.3))
        for answer in answers:
            assert not _foreign(walls, sql, answer), (sql, answer)
    assert await fingerprint(walls) == before
    assert f"('{expected('Sam Seattle', 'orders')}',)" in await extended(gateway, sam, "SELECT count(*) FROM orders")
    assert len(STATEMENTS) > 1_000
