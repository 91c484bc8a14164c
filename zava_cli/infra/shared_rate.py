"""How often somebody may ask several processes together: one small file per name in the folder that they share."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
from functools import lru_cache
from pathlib import Path

from zava_cli.infra.rate import MOST_NAMES, OwnRate, Rate

_HOW = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_MOMENT = struct.Struct("d")


class SharedRate:
    """The same rate whichever process is asked: the monotonic clock is one for all processes of a machine.

    While the folder cannot be written, because its disk is full, each process counts by itself.
    """

    def __init__(self, folder: Path, rate: Rate) -> None:
        self._folder = folder
        self._rate = rate
        self._own = OwnRate(rate)
        self._place = lru_cache(MOST_NAMES)(self._place_of)

    def may_ask(self, name: str) -> bool:
        """Whether there is room for one more request under that name, which is taken then."""
        try:
            return self._may_ask_all(name)
        except OSError:
            return self._own.may_ask(name)

    def _may_ask_all(self, name: str) -> bool:
        file = self._file_of(name)
        try:
            # Held for microseconds; with the file closed, or its process dead, it is free.
            fcntl.flock(file, fcntl.LOCK_EX)
            kept = os.pread(file, _MOMENT.size, 0)
            full_at = self._rate.full_after(_MOMENT.unpack(kept)[0] if kept else 0.0, time.monotonic())
            if full_at is not None:
                os.pwrite(file, _MOMENT.pack(full_at), 0)
            return full_at is not None
        finally:
            os.close(file)

    def _place_of(self, name: str) -> Path:
        return self._folder / f"rate-{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def _file_of(self, name: str) -> int:
        place = self._place(name)
        try:
            return os.open(place, _HOW, 0o600)
        except FileNotFoundError:
            # Whoever tidies up temporary folders takes what nobody has used for days.
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return os.open(place, _HOW, 0o600)
