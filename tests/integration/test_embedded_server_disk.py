"""The embedded server on a disk without room: it says so, and what was committed stays."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.own_server import SmallDisk, execute
from zava_cli.data import embedded
from zava_cli.data.embedded import EmbeddedServer
from zava_cli.infra.errors import DatabaseError, DatabaseUnavailableError


@pytest.mark.parametrize("megabytes", [20, 60], ids=["for the programs", "for a new cluster"])
def test_a_disk_too_small_for_the_first_start_is_said_and_with_room_it_works(
    small_disk: SmallDisk, megabytes: int
) -> None:
    small_disk.resize(megabytes)
    server = EmbeddedServer(small_disk.place / "d", 18)
    with pytest.raises(DatabaseUnavailableError, match=r"(?i)no space left") as raised:
        server.start()
    assert str(raised.value.hint).startswith(f"Free disk space below {server.home}")
    small_disk.resize(300)
    server.start()
    assert execute(server, "SELECT 1") == 1


def test_a_disk_that_fills_up_under_a_load_loses_nothing_of_before(
    small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP_SECONDS", 3)
    small_disk.resize(200)
    server = EmbeddedServer(small_disk.place / "d", 18)
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT n, repeat('x', 100) AS text FROM generate_series(1, 1000) n")
    load = "INSERT INTO kept SELECT n, repeat(md5(n::text), 100) FROM generate_series(1, 1000000) n"
    with pytest.raises(DatabaseError, match=r"(?i)no space left|cannot be reached"):
        execute(server, load)
    # It may still be recovering.
    assert server.stop()
    small_disk.resize(600)
    server.start()
    assert execute(server, "SELECT count(*) FROM kept WHERE length(text) = 100") == 1000
    assert execute(server, "SELECT count(*) FROM kept") == 1000


def test_a_server_that_cannot_start_for_want_of_room_says_so_and_keeps_its_data(small_disk: SmallDisk) -> None:
    small_disk.resize(200)
    server = EmbeddedServer(small_disk.place / "d", 18)
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    filler = small_disk.place / "filler"
    with suppress(OSError), filler.open("wb") as stream:
        while True:
            stream.write(b"\0" * 65_536)
    with pytest.raises(DatabaseUnavailableError, match=r"(?i)no space left") as raised:
        server.start()
    assert "the data is kept" in str(raised.value.hint)
    filler.unlink()
    server.start()
    assert execute(server, "SELECT answer FROM kept") == 42
