"""The README's tour: its commands, and how to run one as a person would see it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
WIDTH = 100


def tour_section() -> str:
    """The README between the tour's marks."""
    found = re.search(r"<!-- tour -->\n(.*)<!-- end tour -->", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def blocks_in(section: str) -> list[tuple[str, str]]:
    """Each command of a section with the output that is printed under it."""
    found = re.findall(r"```console\n\$ (.*?)\n(.*?)```", section, re.DOTALL)
    return [(command, output.rstrip()) for command, output in found]


def commands_in(section: str) -> list[str]:
    """The commands of a section."""
    return [command for command, _ in blocks_in(section)]


def run_in_terminal(command: str, *, colour: bool) -> str:
    """What a terminal of WIDTH columns shows, standard output and error together."""
    assert command.startswith("zava ")
    environment = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    if not colour:
        environment["NO_COLOR"] = "1"
    ours, theirs = pty.openpty()
    program = f"'{sys.executable}' -m zava_cli {command.removeprefix('zava ')}"
    with subprocess.Popen(["/bin/sh", "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        shown = _read_all(ours)
    os.close(ours)
    return "\n".join(line.rstrip() for line in shown.replace("\r\n", "\n").split("\n")).rstrip() + "\n"


def _read_all(descriptor: int) -> str:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            # Linux reports the end of a terminal as an error.
            piece = b""
        if not piece:
            return b"".join(pieces).decode()
        pieces.append(piece)
