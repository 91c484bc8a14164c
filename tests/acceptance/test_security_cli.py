"""`zava security` as a process: replacing keys, and a manager's own key file on their own machine."""

from __future__ import annotations

import asyncio
import json
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import CommandLine, Finished
from tests.small_data import Walls, expected, make_walls, remove_walls
from zava_cli.infra.keys import MasterKeys

COUNT = "SELECT count(*) AS n FROM orders"


@pytest.fixture
def walls() -> Iterator[Walls]:
    """A known database of the test's own."""
    walls = asyncio.run(make_walls("PostgreSQL 18"))
    yield walls
    asyncio.run(remove_walls(walls))


@pytest.fixture
def admin(walls: Walls) -> CommandLine:
    """The machine that holds the master key."""
    return CommandLine(walls.target)


@pytest.fixture
def key(admin: CommandLine, tmp_path: Path) -> Path:
    """The key file of the manager of Seattle."""
    path = tmp_path / "sam.key"
    done = admin("security", "issue", "--as", "seattle", "--out", path)
    assert (done.code, done.out) == (0, f"{path} signs for Sam Seattle.\n"), done.err
    return path


def laptop(walls: Walls, key: Path, *arguments: str, **environment: str) -> Finished:
    """zava where there is no master key."""
    hidden = walls.target.key_file.with_suffix(".hidden")
    walls.target.key_file.rename(hidden)
    try:
        return CommandLine(walls.target)(*arguments, ZAVA_MANAGER_KEY_FILE=str(key), **environment)
    finally:
        hidden.rename(walls.target.key_file)


def rows(done: Finished) -> int:
    """The number that COUNT answered."""
    assert done.code == 0, done.err
    return json.loads(done.out)[0]["n"]


def end(walls: Walls, version: int) -> None:
    """Makes an overlap be over."""
    asyncio.run(walls.as_superuser(
        "UPDATE security.manager_keys SET valid_until = now() WHERE version = $1", version
    ))  # fmt: skip


def test_rotate_key_says_what_it_did_and_until_when_the_old_key_is_accepted(walls: Walls, admin: CommandLine) -> None:
    done = admin("security", "rotate-key", "--overlap", "90s")
    assert done.code == 0, done.err
    first, second = done.out.splitlines()
    assert first == f"Key version 2 signs for 5 managers; it is in {walls.target.key_file}."
    assert re.fullmatch(r"Version 1 is accepted until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.", second)
    again = json.loads(admin("security", "rotate-key", "--overlap", "0", "--json").out)
    assert (again["version"], again["ending"]) == (3, {})
    assert rows(admin("query", COUNT, "--as", "seattle", "--format", "json")) == expected("Sam Seattle", "orders")
    assert stat.S_IMODE(walls.target.key_file.stat().st_mode) == 0o600


def test_a_database_that_was_never_set_up_gets_no_new_key(admin: CommandLine) -> None:
    done = admin("security", "rotate-key", ZAVA_PROFILE="never-migrated")
    assert (done.code, done.out, "zava db migrate" in done.err) == (2, "", True)


@pytest.mark.parametrize("overlap", ["soon", "-1h", "1", ""])
def test_an_overlap_that_is_none_is_a_usage_error(admin: CommandLine, walls: Walls, overlap: str) -> None:
    done = admin("security", "rotate-key", "--overlap", overlap)
    assert (done.code, done.out) == (2, "")
    assert MasterKeys(None, walls.target.key_file).versions() == [1]


def test_a_key_from_the_environment_is_replaced_by_a_file_that_is_named(
    walls: Walls, admin: CommandLine, tmp_path: Path
) -> None:
    (old,) = walls.target.key_file.read_text().split()
    new = tmp_path / "new.key"
    refused = admin("security", "rotate-key", ZAVA_MASTER_KEY=old)
    assert (refused.code, refused.out, "--write-to FILE" in refused.err) == (2, "", True)
    done = admin("security", "rotate-key", "--write-to", new, ZAVA_MASTER_KEY=old)
    assert (done.code, str(new) in done.out) == (0, True)
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert admin("security", "rotate-key", "--write-to", new, ZAVA_MASTER_KEY=new.read_text()).code == 2
    for value in (old, new.read_text()):
        done = admin("query", COUNT, "--as", "seattle", "--format", "json", ZAVA_MASTER_KEY=value)
        assert rows(done) == expected("Sam Seattle", "orders")
    end(walls, 1)
    ended = admin("query", COUNT, "--as", "seattle", ZAVA_MASTER_KEY=old)
    assert (ended.code, ended.out, "is none that this database accepts (version 2)" in ended.err) == (1, "", True)
    assert admin("security", "rotate-key", "--write-to", tmp_path / "other").code == 2


def test_a_managers_key_file_works_without_a_master_key_and_without_as(walls: Walls, key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert set(json.loads(key.read_text())) == {
        "kind", "manager_id", "name", "key_version", "database_identity", "key", "expires",
    }  # fmt: skip
    for more in ([], ["--as", "Sam Seattle"], ["--as", "seattle"]):
        done = laptop(walls, key, "query", COUNT, "--format", "json", *more)
        assert rows(done) == expected("Sam Seattle", "orders")
    who = laptop(walls, key, "whoami")
    assert "Sam Seattle" in who.out and f"signed with the key file {key}" in who.out.replace("\n", "")
    assert json.loads(laptop(walls, key, "whoami", "--json").out)["why"] == f"signed with the key file {key}"


def test_with_a_managers_key_file_nobody_else_can_be_asked_for(walls: Walls, key: Path) -> None:
    for who in ("Tom Tacoma", "head office", "Rita Region"):
        done = laptop(walls, key, "query", COUNT, "--as", who)
        assert (done.code, done.out) == (1, "")
        assert f"{key} signs for Sam Seattle and nobody else" in done.err


def test_a_key_file_with_another_managers_name_signs_for_nobody(walls: Walls, key: Path) -> None:
    ((hedda,),) = asyncio.run(walls.as_superuser("SELECT manager_id FROM retail.managers WHERE name = 'Hedda Office'"))
    content = json.loads(key.read_text())
    forged = key.with_name("forged.key")
    for changes in ({"manager_id": str(hedda), "name": "Hedda Office"}, {"key": "ab" * 32}, {"key_version": 7}):
        forged.write_text(json.dumps(content | changes))
        forged.chmod(0o600)
        done = laptop(walls, forged, "query", COUNT)
        assert (done.code, done.out) == (1, ""), changes
        assert "is none that this database accepts for you" in done.err


def test_a_key_file_that_others_can_read_is_refused(walls: Walls, key: Path) -> None:
    key.chmod(0o644)
    done = laptop(walls, key, "whoami")
    assert (done.code, done.out, f"chmod 600 '{key}'" in done.err) == (2, "", True)
    key.unlink()
    assert laptop(walls, key, "whoami").code == 2


def test_a_key_file_works_until_the_overlap_ends_and_then_says_to_ask_for_a_new_one(
    walls: Walls, admin: CommandLine, key: Path
) -> None:
    assert admin("security", "rotate-key").code == 0
    assert rows(laptop(walls, key, "query", COUNT, "--format", "json")) == expected("Sam Seattle", "orders")
    end(walls, 1)
    done = laptop(walls, key, "query", COUNT)
    assert (done.code, done.out) == (1, "")
    assert "version 1" in done.err and "Ask your administrator for a new key file" in done.err
    new = key.with_name("new.key")
    assert admin("security", "issue", "--as", "seattle", "--out", new).code == 0
    assert rows(laptop(walls, new, "query", COUNT, "--format", "json")) == expected("Sam Seattle", "orders")


def test_a_key_file_may_expire_and_takes_no_other_files_place(walls: Walls, admin: CommandLine, key: Path) -> None:
    before = key.read_text()
    taken = admin("security", "issue", "--as", "seattle", "--out", key)
    assert (taken.code, "exists already" in taken.err, key.read_text()) == (2, True, before)
    short = key.with_name("short.key")
    issued = json.loads(
        admin("security", "issue", "--as", "seattle", "--out", short, "--expires-in", "30d", "--json").out
    )
    assert issued["expires"] and "key" not in issued
    assert laptop(walls, short, "whoami").code == 0
    short.write_text(json.dumps(json.loads(short.read_text()) | {"expires": "2020-01-01T00:00:00Z"}))
    done = laptop(walls, short, "whoami")
    assert (done.code, "expired at 2020-01-01 00:00 UTC" in done.err) == (1, True)


def test_only_who_holds_the_master_key_issues_keys(walls: Walls, key: Path) -> None:
    done = laptop(walls, key, "security", "issue", "--out", str(key.with_name("copy.key")))
    assert (done.code, done.out, key.with_name("copy.key").exists()) == (2, "", False)
    nobody = CommandLine(walls.target)("security", "issue", "--as", "mallory", "--out", key.with_name("copy.key"))
    assert (nobody.code, key.with_name("copy.key").exists()) == (1, False)


def test_a_server_with_tokens_does_not_start_on_one_managers_key(walls: Walls, key: Path) -> None:
    done = laptop(walls, key, "serve", "--http")
    assert (done.code, done.out, "signs for one" in done.err) == (2, "", True)


def test_an_mcp_client_gets_the_path_of_the_key_file_and_never_the_key(walls: Walls, key: Path) -> None:
    done = laptop(walls, key, "mcp-config", "cursor")
    server = json.loads(done.out)["mcpServers"]["zava"]
    assert server["env"]["ZAVA_MANAGER_KEY_FILE"] == str(key)
    assert "ZAVA_AS" not in server["env"]
    assert json.loads(key.read_text())["key"] not in done.out + done.err


def test_health_says_which_key_signs_and_warns_before_it_ends(walls: Walls, admin: CommandLine, key: Path) -> None:
    def signing_key(done: Finished) -> dict[str, str]:
        return {c["component"]: c for c in json.loads(done.out)["components"]}["signing key"]

    report = ("health", "--format", "json")
    assert (signing_key(admin(*report))["status"], signing_key(admin(*report))["detail"]) == ("ok", "version 1")
    assert admin("security", "rotate-key").code == 0
    here, there = signing_key(admin(*report)), signing_key(laptop(walls, key, *report))
    assert (here["status"], here["detail"].startswith("version 2; version 1 is accepted until 2")) == ("ok", True)
    assert (there["status"], there["detail"].startswith("version 1; version 1 is accepted")) == ("warn", True)
    assert there["fix"]
    end(walls, 1)
    done = laptop(walls, key, *report)
    assert (done.code, signing_key(done)["status"]) == (1, "fail")


@contextmanager
def watched_processes() -> Iterator[set[str]]:
    """Arguments of every process that runs meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_text(errors="replace"))
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_no_key_is_in_any_output_log_or_list_of_processes(walls: Walls, admin: CommandLine, key: Path) -> None:
    log = key.with_name("zava.log")
    logged = ("--log-level", "debug", "--log-file", str(log))
    old = walls.target.key_file.read_text()
    new, short = key.with_name("new.key"), key.with_name("short.key")
    with watched_processes() as processes:
        finished = [
            admin("security", "rotate-key", "--write-to", new, *logged, ZAVA_MASTER_KEY=old),
            admin("security", "rotate-key", "--write-to", new, *logged, ZAVA_MASTER_KEY=old),
            admin("security", "rotate-key", *logged),
            admin("security", "issue", "--as", "Tom Tacoma", "--out", short, *logged),
            admin("config", "show"),
            laptop(walls, key, "query", COUNT, *logged),
            laptop(walls, key, "query", COUNT, "--as", "head office", *logged),
            laptop(walls, new, "query", COUNT, *logged),
            laptop(walls, key, "config", "show"),
        ]
    assert [done.code for done in finished] == [0, 2, 0, 0, 0, 0, 1, 2, 0], [done.err for done in finished]
    files = (walls.target.key_file, new, key, short)
    secrets = {found for path in files for found in re.findall(r"[0-9a-f]{64}", path.read_text())}
    assert len(secrets) == 5
    said = "".join(done.out + done.err for done in finished) + log.read_text() + "".join(processes)
    assert len(processes) > len(finished) and "rotate-key" in said
    assert not [secret for secret in secrets if secret in said]
