"""Files appear whole or not at all, and a reader of standard output may leave early."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zava_cli.commands.output.destination import open_output
from zava_cli.infra.errors import ConfigurationError


def test_a_new_file_holds_what_was_written_and_obeys_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        with open_output(tmp_path / "a.csv") as out:
            out.write(b"a\n1\n")
            assert not (tmp_path / "a.csv").exists()
    finally:
        os.umask(previous)
    assert (tmp_path / "a.csv").read_bytes() == b"a\n1\n"
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [tmp_path / "a.csv"]


def test_an_existing_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_bytes(b"old")
    target.chmod(0o604)
    with open_output(target) as out:
        out.write(b"new")
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o604)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, ConnectionResetError])
def test_a_failure_or_interrupt_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "a.csv"
    target.write_bytes(b"old")
    with pytest.raises(failure), open_output(target) as out:
        out.write(b"half of the new")
        raise failure
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_symbolic_link_stays_a_link_to_the_new_content(tmp_path: Path) -> None:
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with open_output(link) as out:
        out.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_folder_and_a_missing_folder_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="it is a folder") as folder, open_output(tmp_path):
        pass
    with (
        pytest.raises(ConfigurationError, match="does not exist") as missing,
        open_output(tmp_path / "no" / "a.csv"),
    ):
        pass
    assert folder.value.hint and "mkdir -p" in (missing.value.hint or "")


def test_a_device_is_written_to_and_not_replaced() -> None:
    with open_output(Path("/dev/null")) as out:
        out.write(b"gone")
    assert Path("/dev/null").is_char_device()


def test_a_full_disk_is_a_plain_error() -> None:
    with pytest.raises(ConfigurationError, match="no space left"), open_output(Path("/dev/full")) as out:
        out.write(b"x" * 100_000)


def test_a_dash_means_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_output(Path("-")) as out:
        out.write(b"\xff\x00raw")
    assert capfdbinary.readouterr().out == b"\xff\x00raw"


def test_a_reader_that_leaves_early_ends_the_program_quietly() -> None:
    program = (
        "from zava_cli.commands.output.destination import open_output\n"
        "with open_output(None) as out:\n"
        "    while True: out.write(b'row\\n' * 1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"row\n"
        process.stdout.close()
        assert (process.wait(timeout=30), process.stderr.read()) == (0, b"")
