"""Key files: what they may hold, who may read them, and how a running process notices a new one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import typer

from zava_cli.commands.durations import duration
from zava_cli.infra import private_files
from zava_cli.infra.errors import AuthorizationError, ConfigurationError
from zava_cli.infra.keys import MasterKeys, encoded, key_check, manager_key, new_key, pads
from zava_cli.infra.manager_key import ManagerKey, ManagerKeyFile
from zava_cli.infra.private_files import create_private, read_private, replace_private

ONE, TWO = "11" * 32, "22" * 32
SAM, TOM = UUID(int=1), UUID(int=2)


def held(text: str) -> dict[int, str]:
    """What a setting of that text means."""
    return {version: key.hex() for version, key in MasterKeys(text, Path("unused")).by_version().items()}


@pytest.mark.parametrize(
    ("text", "keys"),
    [(ONE, {1: ONE}), (f"{ONE}\n", {1: ONE}), (f"1:{ONE}", {1: ONE}), (f"3:{ONE.upper()}", {3: ONE}),
     (f"1:{ONE}\n2:{TWO}\n", {1: ONE, 2: TWO}), (f"1:{ONE},2:{TWO}", {1: ONE, 2: TWO}),
     (f"2:{TWO} {ONE}", {1: ONE, 2: TWO})],
)  # fmt: skip
def test_keys_are_read_with_their_versions_and_a_bare_one_is_the_first(text: str, keys: dict[int, str]) -> None:
    assert held(text) == keys
    assert list(held(text)) == sorted(keys)


@pytest.mark.parametrize(
    "text",
    ["", " ", "key", ONE[:-1], ONE + "1", f"0:{ONE}", f"-1:{ONE}", f"1:{ONE} 1:{TWO}", f"{ONE} 1:{ONE}",
     f"1:{ONE};2:{TWO}", f"{10**9}:{ONE}", f"1:{ONE} rest"],
)  # fmt: skip
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="master_key does not hold a key") as caught:
        held(text)
    assert ONE not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_keys_are_written_as_they_are_read_with_the_newest_last() -> None:
    keys = {2: new_key(), 1: new_key()}
    assert MasterKeys(encoded(keys), Path("unused")).by_version() == keys
    assert encoded(keys).splitlines()[1].startswith("2:")


def test_a_key_of_another_purpose_is_another_key_for_each_version_purpose_and_database() -> None:
    master = MasterKeys(f"1:{ONE} 2:{TWO}", Path("unused"))
    found = [
        key for purpose in ("token", "other") for here in ("a", "b") for key in master.derive(purpose, here).values()
    ]
    found += master.of_manager(SAM, "a", 0).values()
    found += master.by_version().values()
    assert len(set(found)) == len(found) == 12
    assert list(master.derive("token", "a")) == [1, 2]
    assert all(len(key) == 32 for key in found)


def test_neither_keys_nor_files_show_what_they_hold(tmp_path: Path) -> None:
    file = _manager_file(tmp_path / "sam.key")
    assert ONE not in repr(MasterKeys(ONE, Path("unused"))) + repr(file) + repr(vars(file))
    assert ONE not in repr(ManagerKey.model_validate_json((tmp_path / "sam.key").read_text()))


def test_a_check_recognises_a_key_and_is_none(tmp_path: Path) -> None:
    key = new_key()
    assert key_check(key) == key_check(key) != key_check(new_key())
    assert key_check(key) not in key.hex() and len(key_check(key)) == 16
    assert len(pads(key)[0]) == 64


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_closes_it(tmp_path: Path, mode: int) -> None:
    create_private(tmp_path / "k", ONE)
    (tmp_path / "k").chmod(mode)
    for reading in (
        lambda: MasterKeys(None, tmp_path / "k").by_version(),
        lambda: ManagerKeyFile(tmp_path / "k").owner,
    ):
        with pytest.raises(ConfigurationError, match="can be read by others") as caught:
            reading()
        assert f"chmod 600 '{tmp_path / 'k'}'" in str(caught.value.hint)


def test_a_new_private_file_takes_nobodys_place(tmp_path: Path) -> None:
    create_private(tmp_path / "k", ONE)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("k", "link", "no-such-folder/k"):
        with pytest.raises(ConfigurationError):
            create_private(tmp_path / name, TWO)
    assert read_private(tmp_path / "k") == ONE
    assert not (tmp_path / "elsewhere").exists()


def test_a_running_process_takes_over_a_file_that_was_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files, "LOOK_SECONDS", 0.0)
    keys = MasterKeys(None, tmp_path / "k")
    replace_private(tmp_path / "k", f"1:{ONE}\n")
    assert keys.versions() == [1]
    before = keys.generation()
    assert keys.generation() == before
    replace_private(tmp_path / "k", f"1:{ONE}\n2:{TWO}\n")
    assert keys.generation() > before
    assert keys.versions() == [1, 2]


@pytest.mark.parametrize("spoil", ["remove", "garbage", "open"])
def test_a_file_that_is_spoilt_later_stops_no_process_that_has_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spoil: str
) -> None:
    monkeypatch.setattr(private_files, "LOOK_SECONDS", 0.0)
    path = tmp_path / "k"
    replace_private(path, f"1:{ONE}\n")
    keys = MasterKeys(None, path)
    before = keys.generation(), keys.versions()
    if spoil == "remove":
        path.unlink()
    elif spoil == "garbage":
        replace_private(path, "nothing")
    else:
        replace_private(path, f"2:{TWO}\n")
        path.chmod(0o644)
    assert keys.versions() == [1]
    assert keys.generation() <= before[0] + 1
    assert ONE not in capsys.readouterr().err
    replace_private(path, f"2:{TWO}\n")
    assert keys.versions() == [2]


def _manager_file(path: Path, **changes: object) -> ManagerKeyFile:
    content = {"kind": "zava manager key", "manager_id": str(SAM), "name": "Sam", "key_version": 1,
               "database_identity": "here", "key": ONE} | changes  # fmt: skip
    create_private(path, json.dumps(content))
    return ManagerKeyFile(path)


def test_a_managers_file_signs_for_that_manager_in_that_database_alone(tmp_path: Path) -> None:
    file = _manager_file(tmp_path / "k")
    assert (file.owner, file.versions()) == (str(SAM), [1])
    assert file.of_manager(SAM, "here", 0) == {1: bytes.fromhex(ONE)}
    with pytest.raises(AuthorizationError, match="signs for Sam and nobody else"):
        file.of_manager(TOM, "here", 0)
    with pytest.raises(AuthorizationError, match="another database"):
        file.of_manager(SAM, "there", 0)


def test_a_managers_file_is_over_at_its_expiry_by_the_servers_clock(tmp_path: Path) -> None:
    file = _manager_file(tmp_path / "k", expires="2030-01-01T00:00:00Z")
    at = 1_893_456_000
    assert file.of_manager(SAM, "here", at - 1)
    with pytest.raises(AuthorizationError, match="expired at 2030-01-01 00:00 UTC"):
        file.of_manager(SAM, "here", at)


@pytest.mark.parametrize(
    "changes",
    [{"key": ONE[1:]}, {"key": "xy" * 32}, {"key_version": 0}, {"manager_id": "sam"}, {"kind": "other"}, {"more": 1},
     {"expires": "2030-01-01T00:00:00"}],
)  # fmt: skip
def test_a_file_that_is_no_managers_key_is_refused_without_its_content(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError, match="is not the key file of a manager") as caught:
        _ = _manager_file(tmp_path / "k", **changes).owner
    assert ONE[1:] not in f"{caught.value!r}{caught.value.hint}{caught.value.__cause__}"


def test_a_managers_key_depends_on_the_manager_and_the_database() -> None:
    master = bytes.fromhex(ONE)
    assert len({manager_key(master, who, where) for who in (SAM, TOM) for where in ("here", "there")}) == 4


@pytest.mark.parametrize(
    ("text", "meant"),
    [("0", timedelta(0)), ("90s", timedelta(seconds=90)), ("15m", timedelta(minutes=15)), ("1h", timedelta(hours=1)),
     ("30d", timedelta(days=30)), ("12:00:00", timedelta(hours=12)), ("PT12H", timedelta(hours=12))],
)  # fmt: skip
def test_a_length_of_time_is_written_as_people_write_it(text: str, meant: timedelta) -> None:
    assert duration(text) == meant


@pytest.mark.parametrize(
    "text", ["", "h", "-1h", "-PT1H", "1.5h", "1 h", "60", "1h30m", "4000d", "999999999999999d", "１h", "soon"]
)
def test_another_spelling_of_a_length_of_time_is_a_usage_error(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        duration(text)
