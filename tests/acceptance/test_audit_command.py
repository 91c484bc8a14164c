"""`zava audit`, and the record that `zava db psql` leaves."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest

from tests.audit_log import awaited, records, run
from tests.command_line import CommandLine
from tests.stdio_serving import BUSY, SLOW, until
from zava_cli.data.admin import admin_connection
from zava_cli.data.embedded import SUPERUSER
from zava_cli.data.target import Target

SECRET = "correct-horse-battery"


async def test_the_administrator_reads_with_filters_and_formats(shop: Target) -> None:
    zava = CommandLine(shop, "seattle")
    await run(zava, "query", "select 1")
    await run(zava, "query", "drop table orders")
    await run(zava, "whoami", "--as", "head office")
    reference = (await records(shop))[0]["request_id"]

    async def shown(*arguments: str) -> list[dict[str, object]]:
        done = await asyncio.to_thread(zava, "audit", "--format", "json", *arguments)
        assert (done.code, done.err) == (0, ""), done.err
        return json.loads(done.out)

    everything = await shown()
    assert [(row["operation"], row["outcome"]) for row in everything] == [
        ("whoami", "ok"), ("query", "refused"), ("query", "ok"),
    ]  # fmt: skip
    assert everything[1]["refused"] == "DROP"
    assert everything[0]["manager"] == "Hedda Office"
    for arguments, count in [
        (["--outcome", "refused"], 1), (["--who", "Sam Seattle"], 2), (["--who", "SEATTLE", "--operation", "query"], 2),
        (["--way", "terminal"], 3), (["--request-id", reference], 1), (["--since", "today"], None),
        (["--until", "yesterday"], 0), (["--since", "2020-01-01", "--until", "2020-12-31"], 0),
        (["--since", "2020-01-01T00:00", "--operation", "whoami"], 1), (["--limit", "0", "--operation", "store"], 0),
    ]:  # fmt: skip
        rows = await shown(*arguments)
        assert count is None or len(rows) == count, arguments
        # The audit looks at itself too.
    assert {row["operation"] for row in await shown("--way", "administrator")} == {"audit"}
    done = await asyncio.to_thread(zava, "audit", "-n", "2")
    assert [row["operation"] for row in csv.DictReader(io.StringIO(done.out))] == ["audit", "audit"]
    assert done.err == "The newest 2 records; --limit 0 shows all.\n"


@pytest.mark.parametrize("option", ["--since", "--until"])
async def test_a_time_that_cannot_be_read_is_a_usage_error(shop: Target, option: str) -> None:
    done = await asyncio.to_thread(CommandLine(shop), "audit", option, "soonish")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: {option[2:]}: this is not a period")


@pytest.mark.parametrize(("option", "known"), [("--outcome", "unauthorized"), ("--way", "mcp-http")])
async def test_an_outcome_or_a_way_that_does_not_exist_is_a_usage_error_that_names_those_that_do(
    shop: Target, option: str, known: str
) -> None:
    done = await asyncio.to_thread(CommandLine(shop), "audit", option, "refusd")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: {option[2:]}: ") and f"'{known}'" in done.err


async def test_psql_leaves_a_record_of_who_opened_it_and_how_it_ended(shop: Target) -> None:
    zava = CommandLine(shop)
    await run(zava, "db", "psql", "--admin", "-c", "select 'correct-horse-battery'")
    await run(zava, "db", "psql", "--admin", "-c", "select nothing")
    await run(zava, "db", "psql", "-c", "select 1")
    found = await records(shop)
    assert [(row["operation"], row["way"], row["role"], row["outcome"], row["written_by"]) for row in found] == [
        ("db psql", "administrator", "administrator", "ok", SUPERUSER),
        ("db psql", "administrator", "administrator", "failed", SUPERUSER),
        ("db psql", "terminal", None, "ok", shop.roles.gateway),
    ]  # fmt: skip
    assert SECRET not in str(found)


async def test_psql_that_is_ended_from_outside_leaves_a_record_and_no_statement(shop: Target) -> None:
    zava = CommandLine(shop)
    process = zava.start("db", "psql", "-c", SLOW)
    await until(shop, 1, BUSY)
    process.terminate()
    assert await asyncio.to_thread(process.wait, 10) == 143
    process.communicate()
    await until(shop, 0, BUSY)
    [found] = await awaited(shop, 1)
    assert (found["operation"], found["outcome"]) == ("db psql", "cancelled")


async def test_the_administrator_prunes(shop: Target) -> None:
    async with admin_connection(shop) as connection, connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{shop.roles.security}"')
        await connection.fetchval("SELECT audit.maintain(1200, '2020-01-15')")
    done = await asyncio.to_thread(CommandLine(shop), "audit", "prune", "--keep", "12")
    assert (done.code, done.err) == (0, "")
    assert [f"dropped operations_2020_0{month}" for month in (1, 2, 3)] == done.out.splitlines()
    again = await asyncio.to_thread(CommandLine(shop), "audit", "prune")
    assert again.out == "Nothing to drop.\n"
    [*_, found] = await records(shop)
    assert (found["operation"], found["way"]) == ("audit prune", "administrator")


async def test_without_the_administrators_login_the_log_is_not_shown(shop: Target) -> None:
    zava = CommandLine(shop)
    done = await asyncio.to_thread(zava, "audit", ZAVA_DATABASE_URL=shop.gateway_dsn)
    assert (done.code, done.out) == (2, "")
    assert "administrator's login" in done.err
