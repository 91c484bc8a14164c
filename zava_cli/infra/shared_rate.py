"""How often somebody may ask several processes together: one small file per name in the folder that they share."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
from pathlib import Path

_HOW = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_MOMENT = struct.Struct("d")


class SharedRate:
    """`rate` requests a second for each name, and `burst` of them at once, whichever process is asked.

    This is the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): all that has to be kept is when the
    bucket will be full again. The monotonic clock is the same in every process of a machine.
    """

    def __init__(self, folder: Path, rate: float, burst: int) -> None:
        self._folder = folder
        self._interval = 1 / rate
        self._tolerance = (burst - 1) / rate

    def may_ask(self, name: str) -> bool:
        """Whether there is room for one more request under that name, which is taken then. Raises OSError."""
        file = self._file_of(name)
        try:
            # Held for microseconds; with the file closed, or its process dead, it is free.
            fcntl.flock(file, fcntl.LOCK_EX)
            now = time.monotonic()
            kept = os.pread(file, _MOMENT.size, 0)
            full_at = max(_MOMENT.unpack(kept)[0], now) if kept else now
            if full_at - now > self._tolerance:
                return False
            os.pwrite(file, _MOMENT.pack(full_at + self._interval), 0)
            return True
        finally:
            os.close(file)

    def _file_of(self, name: str) -> int:
        place = self._folder / f"rate-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        try:
            return os.open(place, _HOW, 0o600)
        except FileNotFoundError:
            # Whoever tidies up temporary folders takes what nobody has used for days.
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return os.open(place, _HOW, 0o600)
