"""Unpacks zstd so that a file which ends too early is an error; the library's own reader takes it for the end."""

from __future__ import annotations

import io
from typing import IO

import zstandard
from typing_extensions import Buffer

STEP_BYTES = 1024
"""Packed bytes per step. Four of them can unpack to 128 KB, so one step stays below 32 MB whatever the file."""


class ZstdReader(io.RawIOBase):
    """The unpacked bytes of all frames in `packed`; EOFError when the last one is cut off."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fills `buffer` as far as one step goes; 0 at the end of the last frame."""
        while not self._ready:
            data = self._frame.unused_data or self._packed.read(STEP_BYTES)
            if self._frame.eof:
                if not data:
                    return 0
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            elif not data:
                raise EOFError("the last zstd frame is cut off")
            self._ready = memoryview(self._frame.decompress(data))
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
