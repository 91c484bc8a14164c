"""Runs of whole programs: how long they take, in seconds and of CPU, and how much memory.

A small process of its own starts each: on Linux the memory of whoever starts a program counts as the program's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter


def ran(
    command: Sequence[str | Path], environment: Mapping[str, str], out: Path = Path(os.devnull)
) -> dict[str, float]:
    """Runs a program with its output in a file; its seconds, CPU seconds, and largest resident set."""
    starter = [sys.executable, "-I", "-S", __file__, out, *command]
    with subprocess.Popen(starter, env=environment, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            told, _ = process.communicate()
        except BaseException:
            # The program would go on, and start the server again that is removed meanwhile.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise SystemExit(f"{command[0]} failed")
    return json.loads(told)


def _run(out: str, command: Sequence[str]) -> int:
    """Runs it and prints what it took."""
    with Path(out).open("wb") as file:
        started = perf_counter()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - started
    # Linux counts kilobytes, macOS bytes.
    megabytes = usage.ru_maxrss / (1024 if os.uname().sysname == "Linux" else 1024 * 1024)
    print(json.dumps({"s": seconds, "CPU s": usage.ru_utime + usage.ru_stime, "MB": megabytes}))
    return process.returncode


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1], sys.argv[2:]))
