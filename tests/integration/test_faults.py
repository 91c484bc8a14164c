"""Whatever ends a command halfway, database or process: nothing is lost, half-written or left running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from tests.command_line import CommandLine
from tests.own_server import kill_all, remove, short_folder, wait_until
from zava_cli.data.embedded import SUPERUSER, EmbeddedServer
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings
from zava_cli.models.seed import SeedRequest
from zava_cli.services.seed.seed import seed_database

PATIENCE = 30
LINES = 40
BLOCKER = "blocker"
COMMANDS = f"""
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend' AND application_name <> '{BLOCKER}'
"""
HEADER = "order_id,product,quantity,order_date,unit_price,store"
TABLES = ["stores", "managers", "customers", "products", "orders", "order_items", "inventory",
          "product_description_embeddings"]  # fmt: skip


@dataclass(frozen=True)
class Work:
    """A command, the database that it works on, and the lock that holds it up when half is done."""

    arguments: tuple[str, ...]
    profile: str = "seeded"
    lock: str | None = None


WORK = {
    "query": Work(("query", "select count(*) from (select generate_series(1, 1000000000000)) n", "-o", "result.csv")),
    "export": Work(("query", "select generate_series(1, 1000000000000)", "-o", "result.json", "-n", "0")),
    "seed": Work(("seed", "--reset", "--yes", "--customers", "100", "--until", "2021-03-01"), lock="ops.load_runs"),
    "embed": Work(("embed", "--all", "--batch", "50"), lock="retail.product_description_embeddings"),
    "import": Work(("import", "lines.csv"), profile="imported", lock="retail.order_items"),
}


FAULTS = [(name, fault) for name in WORK for fault in ("killed database", "killed backend", "SIGTERM")]
FAULTS += [("query", "SIGHUP"), ("query", "SIGKILL"), ("seed", "SIGKILL")]


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, Target]]:
    """A server to be killed, with a database that is seeded and one that is empty."""
    folder = short_folder()
    targets = {
        profile: Target(Settings.model_validate({"profile": profile, "data_dir": folder}))
        for profile in ("seeded", "imported")
    }
    try:
        for target in targets.values():
            asyncio.run(migrate(target))
        asyncio.run(seed_database(targets["seeded"], SeedRequest(seed=1, customers=100, until="2021-03-01")))
        yield targets
    finally:
        remove(folder)


def server(target: Target) -> EmbeddedServer:
    """The server of a database."""
    assert target.embedded is not None
    target.embedded.start()
    return target.embedded


@asynccontextmanager
async def superuser(target: Target) -> AsyncIterator[asyncpg.Connection]:
    """A connection past all walls, which may break."""
    connection = await asyncpg.connect(server(target).dsn(SUPERUSER, target.embedded_database))
    try:
        yield connection
    finally:
        connection.terminate()


async def contents(target: Target) -> dict[str, object]:
    """What the database holds."""
    async with superuser(target) as connection:
        counts = {
            table: await connection.fetchval(
                f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM retail.{table} t"
            )
            for table in TABLES
        }
        return counts | {"loads": await connection.fetchval("SELECT count(*) FROM ops.load_runs")}


async def until(connection: asyncpg.Connection, condition: str, wanted: int) -> None:
    """Waits for so many connections of commands to this database of which a condition is true."""
    async with asyncio.timeout(PATIENCE):
        while wanted != await connection.fetchval(f"SELECT count(*) {COMMANDS} AND {condition}"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def interrupt(target: Target, work: Work, process: subprocess.Popen[str], folder: Path, fault: str) -> None:
    """Makes the fault happen while the command is in the middle of its work."""
    async with superuser(target) as watch:
        half_done = "query LIKE '%1000000000000%'" if work.lock is None else "wait_event_type = 'Lock'"
        await until(watch, half_done, 1)
        if work.lock is None:
            await asyncio.to_thread(wait_until, lambda: len(names_in(folder)) > 1)
        if fault == "killed database":
            kill_all(server(target))
            return
        if fault == "killed backend":
            os.kill(await watch.fetchval(f"SELECT pid {COMMANDS} AND {half_done}"), signal.SIGKILL)
            return
        process.send_signal(getattr(signal, fault))
        # While the lock is still held: nobody has to wait for it.
        await until(watch, "true", 0)


def names_in(folder: Path) -> set[str]:
    """Files there, hidden ones as well."""
    return {path.name for path in folder.iterdir()}


@asynccontextmanager
async def locked(target: Target, table: str | None) -> AsyncIterator[None]:
    """Lets nobody write to a table during the block."""
    if table is None:
        yield
        return
    async with superuser(target) as connection:
        await connection.execute(f"SET application_name = '{BLOCKER}'")
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize(("name", "fault"), FAULTS)
async def test_nothing_is_lost_half_written_or_left_running(
    targets: dict[str, Target], tmp_path: Path, name: str, fault: str
) -> None:
    work = WORK[name]
    target = targets[work.profile]
    zava = CommandLine(target, "seattle", tmp_path)
    lines = [f"{fault}-{n},Hammer,1,2025-01-{n % 28 + 1:02},9.50,Leeds" for n in range(LINES)]
    (tmp_path / "lines.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    before = await contents(target)
    async with locked(target, work.lock):
        process = zava.start(*work.arguments)
        await interrupt(target, work, process, tmp_path, fault)
        out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert out == ""
    assert "Traceback" not in err
    if fault == "SIGKILL":
        assert process.returncode == -signal.SIGKILL
    elif fault.startswith("killed"):
        assert (process.returncode, "cannot be reached" in err) == (3, True), err
    else:
        assert (process.returncode, err) == (143, "Terminated.\n")
    assert await contents(target) == before
    if fault != "SIGKILL":
        assert names_in(tmp_path) == {"lines.csv"}
    await _works_afterwards(zava, work, before)


async def _works_afterwards(zava: CommandLine, work: Work, before: dict[str, object]) -> None:
    assert zava.target is not None
    if work.lock is None:
        done = await asyncio.to_thread(zava, "query", "select 1", "-t")
        assert (done.code, done.out, done.err) == (0, "1\n", "")
        return
    done = await asyncio.to_thread(zava, *work.arguments)
    assert (done.code, done.err) == (0, "")
    after = await contents(zava.target)
    assert after["loads"] != before["loads"]
