"""The audit log in the database: what may be appended, that nothing changes it, and how its months come and go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.audit_log import an_entry, records
from tests.small_data import KINDS, Walls, make_walls, remove_walls
from zava_cli.data.admin import admin_connection
from zava_cli.data.audit import maintain
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target

MANAGERS = ("store_managers", "regional_managers", "head_office")


@pytest.fixture(params=KINDS)
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Walls]:
    """A database of each kind, of the test's own."""
    walls = await make_walls(request.param)
    yield walls
    await remove_walls(walls)


@asynccontextmanager
async def gateway(walls: Walls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the login that the product uses."""
    connection = await asyncpg.connect(walls.target.gateway_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def append(walls: Walls, *entries: object) -> None:
    """Appends as the product does."""
    async with gateway(walls) as connection:
        await connection.execute("SELECT audit.append($1)", json.dumps(entries))


@asynccontextmanager
async def owner(target: Target) -> AsyncIterator[asyncpg.Connection]:
    """The role that the log belongs to, in a transaction that is rolled back."""
    async with admin_connection(target) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f'SET LOCAL ROLE "{target.roles.security}"')
            yield connection
        finally:
            await transaction.rollback()


ATTACKS = [
    "SELECT * FROM audit.operations", "SELECT count(*) FROM audit.operations_default",
    "COPY audit.operations TO STDOUT",
    "UPDATE audit.operations SET outcome = 'ok'", "DELETE FROM audit.operations", "TRUNCATE audit.operations",
    "TRUNCATE audit.operations_default", "DROP TABLE audit.operations", "DROP SCHEMA audit CASCADE",
    "INSERT INTO audit.operations (occurred_at) VALUES (now())", "ALTER TABLE audit.operations DISABLE TRIGGER ALL",
    "ALTER TABLE audit.operations DETACH PARTITION audit.operations_default",
    "SELECT audit.maintain(1)", "SELECT audit.maintain(1, '2999-01-01')", "SELECT audit.insert_records('[{}]')",
    "SELECT audit.add_partition('x', 'DEFAULT', '')", "SELECT audit.empty_default(now(), now())",
    "CREATE TABLE audit.mine ()", "CREATE OR REPLACE FUNCTION audit.append(records jsonb) RETURNS void"
    " LANGUAGE sql AS 'SELECT'", "DROP FUNCTION audit.append(jsonb)", "BEGIN; LOCK TABLE audit.operations",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
async def test_the_gateway_may_do_nothing_but_append(walls: Walls, attack: str) -> None:
    async with gateway(walls) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(attack)


async def test_the_transaction_of_a_query_cannot_append(walls: Walls) -> None:
    async with gateway(walls) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with connection.transaction(readonly=True):
                await connection.execute("SELECT audit.append($1)", json.dumps([an_entry()]))


@pytest.mark.parametrize("role", MANAGERS)
@pytest.mark.parametrize("attack", ["TABLE audit.operations", "SELECT audit.append('[]')"])
async def test_a_manager_may_not_even_append(walls: Walls, role: str, attack: str) -> None:
    async with gateway(walls) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{walls.role(role)}"')
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="schema audit"):
            await connection.execute(attack)


CHANGES = ["UPDATE {table} SET outcome = 'ok'", "DELETE FROM {table}", "TRUNCATE {table}"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", ["audit.operations", "audit.operations_default"])
async def test_nobody_changes_a_record_not_even_the_owner_or_a_superuser(walls: Walls, change: str, table: str) -> None:
    # A month without a partition, so that the record lies in the default one.
    await append(walls, an_entry(occurred_at="2020-01-01T00:00:00Z"))
    sql = change.format(table=table)
    async with owner(walls.target) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="audit records never change"):
            await connection.execute(sql)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="audit records never change"):
        await walls.as_superuser(sql)


async def test_who_wrote_a_record_and_when_is_not_for_the_writer_to_say(walls: Walls) -> None:
    entry = an_entry(written_by="postgres", written_at="2020-01-01", way="administrator")
    await append(walls, entry)
    [found] = await records(walls.target, "record_id::text = $1", entry["record_id"])
    assert found["written_by"] == walls.role("gateway")
    assert found["written_at"].year > 2020


async def test_a_record_that_is_sent_twice_is_there_once(walls: Walls) -> None:
    entry = an_entry()
    await append(walls, entry, entry)
    await append(walls, entry)
    assert len(await records(walls.target, "record_id::text = $1", entry["record_id"])) == 1


BROKEN = [
    {}, [], "text", None, 1, an_entry(occurred_at="soon"), an_entry(occurred_at="infinity"),
    an_entry(occurred_at="9999-01-01"), an_entry(record_id="1"), an_entry(way=None), an_entry(seconds="long"),
    an_entry(row_count=10**30), an_entry(sql_sha256="zz"), an_entry(manager_id="'; drop table x"),
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=[str(number) for number in range(len(BROKEN))])
async def test_a_broken_record_is_kept_as_it_came_and_loses_no_other(walls: Walls, broken: object) -> None:
    before, after = an_entry(), an_entry()
    unreadable = "operation = 'unreadable record'"
    had = len(await records(walls.target, unreadable))
    await append(walls, before, broken, after)
    assert (
        len(await records(walls.target, "record_id::text = ANY ($1)", [before["record_id"], after["record_id"]])) == 2
    )
    found = await records(walls.target, unreadable)
    assert len(found) == had + 1
    assert any(json.loads(row["sql"]) == broken for row in found)


async def test_long_texts_are_cut_and_say_so(walls: Walls) -> None:
    entry = an_entry(sql="x" * 70_000, who="w" * 5_000, parameters=["p" * 500] * 500)
    await append(walls, entry)
    [found] = await records(walls.target, "record_id::text = $1", entry["record_id"])
    assert found["sql"] == "x" * 65_536 + " … (cut, 70000 characters)"
    assert found["who"] == "w" * 200 + " … (cut, 5000 characters)"
    assert (len(found["parameters"]), len(found["parameters"][0])) == (100, 100)


@pytest.mark.parametrize("records_", ["{}", "null", "1", json.dumps([{}] * 10_001)])
async def test_what_is_no_batch_is_refused(walls: Walls, records_: str) -> None:
    async with gateway(walls) as connection:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="array of at most 10000"):
            await connection.execute("SELECT audit.append($1)", records_)


# Months


async def partitions(walls: Walls) -> list[str]:
    """Names of the months, oldest first."""
    rows = await walls.as_superuser(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'audit.operations'::regclass ORDER BY 1"
    )
    return [row[0].removeprefix("operations_") for row in rows if row[0] != "operations_default"]


async def at(walls: Walls, moment: str, keep: int = 13) -> list[str]:
    """What maintenance does when it is that time."""
    async with admin_connection(walls.target) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{walls.role("security")}"')
        return await connection.fetchval("SELECT audit.maintain($1, $2::text::timestamptz)", keep, moment)


async def test_months_are_made_ahead_and_dropped_when_they_are_past_their_time(kept: Walls) -> None:
    assert await at(kept, "2030-11-30 23:00:00-08", keep=1200) == [
        "added operations_2030_12", "added operations_2031_01", "added operations_2031_02",
    ]  # fmt: skip
    assert await at(kept, "2031-01-15 12:00Z", keep=1200) == ["added operations_2031_03"]
    await append(kept, an_entry(occurred_at="2025-01-01T00:00:00Z"))
    done = await at(kept, "2031-03-01 00:00Z", keep=2)
    assert "dropped operations_2030_12" in done
    assert await partitions(kept) == ["2031_01", "2031_02", "2031_03", "2031_04", "2031_05"]
    # The net had a record that is older than what is kept.
    assert await records(kept.target) == []
    assert await at(kept, "2031-03-02 00:00Z", keep=2) == []


async def test_what_fell_into_the_net_is_moved_to_its_month(kept: Walls) -> None:
    early = an_entry(occurred_at="2026-05-31T23:59:59Z")
    await append(kept, early, an_entry(occurred_at="2026-06-01T00:00:00Z"))
    assert "2026_06" not in await partitions(kept)
    done = await at(kept, "2026-07-20 00:00Z")
    assert {"added operations_2026_05", "added operations_2026_06", "added operations_2026_09"} <= set(done)
    rows = await kept.as_superuser("SELECT tableoid::regclass::text, record_id::text FROM audit.operations ORDER BY 1")
    assert [row[0] for row in rows] == ["audit.operations_2026_05", "audit.operations_2026_06"]
    assert rows[0][1] == early["record_id"]
    # What was moved is as safe as what was not.
    for change in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never change"):
            await kept.as_superuser(change.format(table="audit.operations_2026_05"))


async def test_an_append_makes_the_next_month_itself_and_keeps_to_the_retention(kept: Walls) -> None:
    await at(kept, "2024-01-15 00:00Z")
    months = await partitions(kept)
    assert months[:3] == ["2024_01", "2024_02", "2024_03"]
    await kept.as_superuser(f"DROP TABLE audit.operations_{months[-1]}, audit.operations_{months[-2]}")
    await append(kept, an_entry())
    assert await partitions(kept) == months[3:]


async def test_a_month_that_cannot_be_made_costs_no_record(kept: Walls) -> None:
    months = await partitions(kept)
    await kept.as_superuser(f"DROP TABLE audit.operations_{months[1]}")
    await kept.as_superuser(f"CREATE FUNCTION audit.operations_{months[1]}() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    await kept.as_superuser(f'CREATE TYPE audit."operations_{months[1]}" AS (a int)')
    entry = an_entry()
    await append(kept, entry)
    assert len(await records(kept.target, "record_id::text = $1", entry["record_id"])) == 1


async def test_migrating_again_keeps_the_log_to_the_setting(kept: Walls) -> None:
    await at(kept, "2020-01-15 00:00Z", keep=1200)
    assert (await partitions(kept))[0] == "2020_01"
    shorter = Target(kept.target.settings.model_copy(update={"audit_keep_months": 3}))
    await migrate(shorter)
    assert (await partitions(kept))[0] > "2026"
    assert (await kept.as_superuser("SELECT audit_keep_months FROM ops.settings"))[0][0] == 3
    async with admin_connection(kept.target) as connection:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="at least one month"):
            await maintain(connection, kept.target, 0)
