"""Every named statement is prepared against the real schema as the role that runs it."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from tests.small_data import Walls
from zava_cli.data.connections import prepare_own_connection
from zava_cli.data.named_sql import named_sql

LOADING_ROOMS = {"admin", "embed", "embed_check", "embed_queue", "importing", "seed"}
OF_THE_LOGIN = {"has_tokens", "database_exists", "has_migrations", "lock_migrations", "unlock_migrations"}
OF_THE_GATEWAY = {
    *named_sql("identity"), *named_sql("health"), "begin",
} - {"embeddings", "visible_stores"}  # fmt: skip
ROOMS = sorted(file.stem for file in (Path(__file__).parents[2] / "zava_cli/data").glob("*.sql"))
BLOCKS = [(room, name) for room in ROOMS for name in named_sql(room)]  # pyright: ignore[reportArgumentType]
MAKES_TEMPORARY = re.compile(r"^CREATE (TEMPORARY TABLE|OR REPLACE FUNCTION pg_temp\.)", re.MULTILINE)


def role_of(room: str, name: str) -> str | None:
    """The role, without its prefix, that a statement runs as; None for the administrator's own login."""
    if room == "keys":
        return "security"
    if room in {"admin", "token"} and name in OF_THE_LOGIN:
        return None
    if room == "audit" and name != "keep_months":
        return "gateway" if name == "append" else "security"
    if room == "token":
        return "security"
    if room in LOADING_ROOMS | {"audit"}:
        return "owner"
    return "gateway" if room in {"identity", "health", "session"} and name in OF_THE_GATEWAY else "store_managers"


@pytest.mark.parametrize(("room", "name"), BLOCKS)
async def test_the_statement_prepares_as_the_role_that_runs_it(walls: Walls, room: str, name: str) -> None:
    blocks = named_sql(room)  # pyright: ignore[reportArgumentType]
    connection = await asyncpg.connect(walls.superuser_dsn, statement_cache_size=0)
    try:
        await prepare_own_connection(connection)
        async with connection.transaction():
            role = role_of(room, name)
            if role is not None:
                await connection.execute(f'SET LOCAL ROLE "{walls.role(role)}"')
            await connection.execute("SET LOCAL search_path = retail, public")
            if role == "owner":
                for sql in (sql for other, sql in blocks.items() if MAKES_TEMPORARY.search(sql) and other != name):
                    await connection.execute(sql)
            parameters = (await connection.prepare(blocks[name])).get_parameters()
    finally:
        await connection.close()
    header = [line for line in blocks[name].splitlines() if line.startswith("--")]
    documented = [int(number) for line in header for number in re.findall(r"\$(\d+) \w", line)]
    assert documented == list(range(1, len(parameters) + 1)), "the header lists each parameter"


@pytest.mark.parametrize(("room", "name"), BLOCKS)
def test_the_statement_says_what_it_is_for(room: str, name: str) -> None:
    first = named_sql(room)[name].splitlines()[0]  # pyright: ignore[reportArgumentType]
    assert re.match(r"-- [A-Z]", first), first
