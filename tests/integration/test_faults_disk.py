"""A disk that is full while a command writes: to the database, or to a file."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.integration.test_faults import HEADER, contents, superuser
from tests.own_server import SmallDisk
from zava_cli.data import embedded
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings
from zava_cli.models.seed import SeedRequest
from zava_cli.services.seed.seed import seed_database

ROOM = 3_000_000
"""Bytes that are left for the command: enough to begin with, too few to finish."""


def fill(folder: Path, left: int) -> Path:
    """A file that takes what a file system has, but for so many bytes."""
    filler = folder / "filler"
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(folder).free - left)
    return filler


@pytest.fixture
async def shop(small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A seeded database on a small disk."""
    monkeypatch.setattr(embedded, "STOP_SECONDS", 3)
    small_disk.resize(400)
    target = Target(Settings.model_validate({"profile": "shop", "data_dir": small_disk.place / "d"}))
    await migrate(target)
    await seed_database(target, SeedRequest(seed=1, customers=100, until="2021-03-01"))
    async with superuser(target) as connection:
        # So that what is needed later does not lie ready as recycled log.
        await connection.execute("CHECKPOINT")
    return target


async def test_a_load_that_finds_no_room_changes_nothing_and_works_once_there_is_some(
    shop: Target, small_disk: SmallDisk, tmp_path: Path
) -> None:
    zava = CommandLine(shop, "head office", tmp_path)
    lines = [f"{n},Hammer {n % 50},1,2025-01-{n % 28 + 1:02},9.50,Leeds" for n in range(60_000)]
    (tmp_path / "lines.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    before = await contents(shop)
    for arguments in (("import", "lines.csv"), ("seed", "--reset", "--yes", "--customers", "5000")):
        filler = fill(small_disk.place, ROOM)
        done = await asyncio.to_thread(zava, *arguments)
        assert (done.code in (1, 3), done.out) == (True, ""), done
        assert "no space left" in done.err.lower() or "cannot be reached" in done.err
        assert "Traceback" not in done.err
        filler.unlink()
        asked = await asyncio.to_thread(zava, "query", "select count(*) > 0 from orders", "-t")
        assert (asked.code, asked.out, asked.err) == (0, "t\n", "")
        assert await contents(shop) == before
    done = await asyncio.to_thread(zava, "import", "lines.csv")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.json", "rows.parquet"])
def test_a_result_that_finds_no_room_leaves_no_file_and_is_said(
    target: Target, small_disk: SmallDisk, name: str
) -> None:
    (small_disk.place / name).write_text("old")
    filler = fill(small_disk.place, 200_000)
    sql = "select n, md5(n::text) as text from generate_series(1, 100000) n"
    done = CommandLine(target, "seattle")("query", sql, "-o", small_disk.place / name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: Cannot write to {small_disk.place / name}: no space left on device.")
    assert (small_disk.place / name).read_text() == "old"
    assert set(small_disk.place.iterdir()) == {filler, small_disk.place / name}
