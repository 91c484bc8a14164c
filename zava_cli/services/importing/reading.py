"""Reads a CSV file, plain or packed, as a stream of records in bounded memory."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

from zava_cli.infra.errors import ValidationError
from zava_cli.services.importing.zstd import ZstdReader

LONGEST_LINE = 1_000_000
"""Characters. A file without line ends would otherwise be read into memory as a whole."""

_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
_SUFFIXES = {".gz": "gzip", ".xz": "xz", ".zst": "zstd"}
_DELIMITERS = ",;\t|"
_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


class Source:
    """An open file: its headers and then, once, its records."""

    def __init__(self, name: str, raw: IO[bytes], text: io.TextIOBase, sha256: str, size: int) -> None:
        self.name = name
        self.sha256 = sha256
        self.size = size
        self._raw = raw
        self._text = text
        self.line = 0
        """The line that was read last, from 1."""
        first = self._first_line()
        delimiter = max(_DELIMITERS, key=first.count)
        self._records = csv.reader(self._lines(first), delimiter=delimiter, strict=True)
        self.headers = self._headers()

    @property
    def bytes_read(self) -> int:
        """How much of the file, as it lies on disk, was read so far."""
        return self._raw.tell()

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The line on which each record starts, and its fields; ValidationError where the file is broken."""
        with _complaints(self):
            start = self.line + 1
            for fields in self._records:
                if fields:
                    yield start, fields
                start = self.line + 1

    def _headers(self) -> list[str]:
        with _complaints(self):
            headers = next(self._records, list[str]())
        if not any(header.strip() for header in headers):
            raise _refusal(self.name, "it has no line of headers", "The first line names the columns.")
        return headers

    def _first_line(self) -> str:
        with _complaints(self):
            return self._text.readline(LONGEST_LINE)

    def _lines(self, line: str) -> Iterator[str]:
        while line:
            self.line += 1
            if len(line) >= LONGEST_LINE:
                raise _refusal(
                    self.name, f"line {self.line} is longer than {LONGEST_LINE:,} characters", "Is it a CSV file?"
                )
            if "\0" in line:
                raise _refusal(
                    self.name, f"line {self.line} contains a NUL byte",
                    "Is it a text file? If it is UTF-16, say --encoding utf-16.",
                )  # fmt: skip
            yield line
            line = self._text.readline(LONGEST_LINE)


@contextmanager
def open_source(path: Path, encoding: str) -> Generator[Source]:
    """Opens `path`, looking at its first bytes for how it is packed; ValidationError when it cannot be read."""
    if not path.is_file():
        raise _refusal(path.name, "there is no such file", "Give the name of a CSV file.")
    try:
        raw = path.open("rb")
    except OSError as exc:
        raise _refusal(path.name, f"it cannot be read: {exc.strerror}", "Check its permissions.") from None
    with raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
        size = raw.tell()
        raw.seek(0)
        stream = _unpacked(path, raw)
        try:
            text = io.TextIOWrapper(stream, encoding=_codec(encoding), newline="")
        except LookupError:
            raise ValidationError(
                "encoding", encoding, "is not a character encoding", hint="For example utf-8 or windows-1252."
            ) from None
        yield Source(path.name, raw, text, sha256, size)


def _unpacked(path: Path, raw: IO[bytes]) -> Any:
    start = raw.read(6)
    raw.seek(0)
    found = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    expected = _SUFFIXES.get(path.suffix.lower())
    if found == "zip" or (expected is not None and found is None):
        wanted = "it is a zip archive or a spreadsheet" if found else f"it is not {expected}, as its name says"
        raise _refusal(path.name, wanted, "Give a CSV file, plain or packed with gzip, xz or zstd.")
    match found:
        case "gzip":
            return gzip.GzipFile(fileobj=raw)
        case "xz":
            return lzma.LZMAFile(raw)
        case "zstd":
            return io.BufferedReader(ZstdReader(raw))
        case _:
            return raw


def _codec(encoding: str) -> str:
    # Spreadsheets write a byte order mark, which must not become part of the first header.
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


@contextmanager
def _complaints(source: Source) -> Generator[None]:
    """Turns what reading can raise into ValidationError with the place."""
    try:
        yield
    except UnicodeError as exc:
        codec = exc.encoding if isinstance(exc, UnicodeDecodeError) else "text"
        raise _refusal(
            source.name, f"it is not {codec}, somewhere after line {max(source.line, 1)}",
            "Say what it is, for example --encoding windows-1252.",
        ) from None  # fmt: skip
    except csv.Error as exc:
        raise _refusal(
            source.name, f"the record that ends on line {source.line} is not CSV: {exc}", "Mend the quotes there."
        ) from None
    except _BROKEN as exc:
        raise _refusal(
            source.name, f"it is damaged or incomplete after line {source.line}: {exc}", "Fetch the file again."
        ) from None


def _refusal(name: str, what: str, hint: str) -> ValidationError:
    return ValidationError("file", name, f"{name}: {what}; nothing was loaded", hint=hint)
