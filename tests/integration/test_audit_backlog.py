"""Records that wait for the database: shared by processes, replayed once, and never the user's problem."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.audit_log import an_entry, records
from tests.small_data import Walls
from zava_cli.data import audit_backlog as module
from zava_cli.data import audit_writer as writing
from zava_cli.data.audit import as_line, gateway_connection, replay, write_now
from zava_cli.data.audit_backlog import Backlog, readable_lines
from zava_cli.data.audit_writer import AuditWriter
from zava_cli.data.target import Target
from zava_cli.infra.operations import OperationRecord, Outcome
from zava_cli.infra.settings import Settings

ADDING = """
import json, sys
from zava_cli.data.audit_backlog import Backlog
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings
backlog = Backlog(Target(Settings.model_validate(json.loads(sys.argv[1]))))
for number in range(40):
    backlog.add([json.dumps({"operation": sys.argv[2], "row_count": number}) for number in (number, number + 100)])
    if number % 10 == 3:
        backlog.take()
"""


def database(folder: Path, url: str | None = None) -> Target:
    """A database whose backlog lies in that folder."""
    return Target(Settings.model_validate({"data_dir": folder, "database_url": url}))


def away(folder: Path) -> Target:
    """One that cannot be reached."""
    return database(folder, "postgresql://zava_gateway:correct-horse@127.0.0.1:1/zava")


def lines_of(backlog: Backlog) -> list[dict[str, object]]:
    """Every record that waits."""
    return [json.loads(line) for path in backlog.take() for line in readable_lines(path)]


def test_several_processes_add_at_once_and_nothing_is_lost_or_torn(tmp_path: Path) -> None:
    settings = {"data_dir": str(tmp_path)}
    processes = [subprocess.Popen([sys.executable, "-c", ADDING, json.dumps(settings), str(n)]) for n in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    found = lines_of(Backlog(database(tmp_path)))
    expected = {(str(n), number) for n in range(3) for number in [*range(40), *range(100, 140)]}
    assert {(line["operation"], line["row_count"]) for line in found} == expected
    assert len(found) == len(expected)


def test_the_file_is_the_users_alone_and_names_no_secret(tmp_path: Path) -> None:
    backlog = Backlog(away(tmp_path))
    backlog.add(['{"a": 1}'])
    assert backlog.file.stat().st_mode & 0o777 == 0o600
    assert backlog.file.parent.stat().st_mode & 0o777 == 0o700
    assert "correct-horse" not in str(backlog.file)


def test_a_line_that_was_cut_off_in_the_middle_costs_no_other(tmp_path: Path) -> None:
    backlog = Backlog(away(tmp_path))
    backlog.add(['{"a": 1}'])
    with backlog.file.open("a") as stream:
        stream.write('{"a": 2, "sql": "sel')
    backlog.add(['{"a": 3}'])
    assert [line["a"] for line in lines_of(backlog)] == [1, 3]


def test_a_place_that_cannot_be_written_to_is_logged_and_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    Backlog(away(tmp_path)).add(['{"a": 1}'])
    assert "audit records lost" in capsys.readouterr().err


def test_a_database_that_stays_away_does_not_fill_the_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 1_000)
    backlog = Backlog(away(tmp_path))
    for _ in range(100):
        backlog.add([json.dumps({"sql": "x" * 500})])
    size = sum(path.stat().st_size for path in (tmp_path / "audit").iterdir())
    assert size < 1_000 * 2 * (module.MOST_PARTS + 1)
    assert "too many records wait" in capsys.readouterr().err


def test_the_records_of_one_database_never_reach_another(tmp_path: Path) -> None:
    first = Backlog(database(tmp_path, "postgresql://zava_gateway:a@one/zava"))
    first.add(['{"a": 1}'])
    for url in ("postgresql://zava_gateway:a@two/zava", "postgresql://zava_gateway:a@one/other"):
        assert not Backlog(database(tmp_path, url)).waits()
    # A new password is no new database.
    assert Backlog(database(tmp_path, "postgresql://zava_gateway:b@one/zava")).waits()


async def test_what_waits_is_replayed_once_also_by_several_at_the_same_moment(own_walls: Walls) -> None:
    backlog = Backlog(own_walls.target)
    for start in range(0, 60, 20):
        backlog.add([json.dumps(an_entry(sql=str(number))) for number in range(start, start + 20)])
        backlog.take()
    backlog.add(['{"broken": true}', json.dumps(an_entry(sql="\0"))])

    async def one() -> None:
        async with gateway_connection(own_walls.target) as connection:
            await replay(connection, backlog)

    await asyncio.gather(*(one() for _ in range(4)))
    assert not backlog.waits()
    found = await records(own_walls.target, "sql ~ '^[0-9]+$'")
    assert sorted(int(row["sql"]) for row in found) == list(range(60))


async def test_a_replay_that_is_interrupted_is_finished_by_the_next_without_doubles(own_walls: Walls) -> None:
    backlog = Backlog(own_walls.target)
    backlog.add([json.dumps(an_entry(sql=str(number))) for number in range(30)])
    [path] = backlog.take()
    async with gateway_connection(own_walls.target) as connection:
        # As far as a process gets that is killed between the database's answer and the removal of the file.
        await connection.execute("SELECT audit.append($1)", f"[{','.join(readable_lines(path)[:20])}]")
    backlog.add([json.dumps(an_entry(sql="30"))])
    async with gateway_connection(own_walls.target) as connection:
        await replay(connection, backlog)
    found = await records(own_walls.target)
    assert sorted(int(row["sql"]) for row in found) == list(range(31))
    assert not backlog.waits()


async def test_a_database_without_the_log_keeps_its_records_for_the_day_that_it_has_one(own_walls: Walls) -> None:
    target = own_walls.target
    await own_walls.as_superuser("ALTER SCHEMA audit RENAME TO later")
    record = OperationRecord("query", sql="select 1")
    await write_now(target, lambda: gateway_connection(target), [record])
    assert Backlog(target).waits()
    await own_walls.as_superuser("ALTER SCHEMA later RENAME TO audit")
    await write_now(target, lambda: gateway_connection(target), [OperationRecord("search")])
    assert [row["operation"] for row in await records(target)] == ["query", "search"]
    assert not Backlog(target).waits()


async def test_a_database_that_was_not_reached_is_not_asked_a_second_time(own_walls: Walls) -> None:
    @asynccontextmanager
    async def never() -> AsyncIterator[asyncpg.Connection]:
        pytest.fail("asked again")
        yield

    record = OperationRecord("query", outcome=Outcome.UNAVAILABLE)
    await write_now(own_walls.target, never, [record])
    assert len(lines_of(Backlog(own_walls.target))) == 1


async def test_a_queue_beyond_its_bounds_goes_to_the_file_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_RECORDS", 10)
    writer = AuditWriter(away(tmp_path))
    for number in range(25):
        writer.add(OperationRecord("query", row_count=number))
    assert [line["row_count"] for line in lines_of(Backlog(away(tmp_path)))] == list(range(22))


async def test_a_writer_without_a_database_ends_at_once_and_keeps_everything(tmp_path: Path) -> None:
    async with asyncio.timeout(5), AuditWriter(away(tmp_path)) as writer:
        for number in range(25):
            writer.add(OperationRecord("query", row_count=number))
    assert [line["row_count"] for line in lines_of(Backlog(away(tmp_path)))] == list(range(25))


def test_any_text_becomes_a_line_that_postgresql_takes() -> None:
    record = OperationRecord("query", who="\0\ud800x", sql="\udfff\0" * 100_000, parameters=["\0"])
    line = as_line(record, keeps_sql=True)
    # The writer's bounds count characters, and a character beyond ASCII takes several bytes.
    assert line.isascii()
    assert "\\u0000" not in line and "\\ud8" not in line and "\\udf" not in line
    assert json.loads(line)["sql"].endswith("?\ufffd … (cut, 200000 characters)")
    assert "sql" not in json.loads(as_line(record, keeps_sql=False))
