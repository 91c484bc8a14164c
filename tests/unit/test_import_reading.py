"""Reading a file: how it is packed, where its records start, and every way in which it can be broken."""

from __future__ import annotations

import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from zava_cli.infra.errors import ValidationError
from zava_cli.services.importing.reading import LONGEST_LINE, open_source

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".csv": bytes,
    ".csv.gz": gzip.compress,
    ".csv.xz": lzma.compress,
    ".csv.zst": zstandard.compress,
}
_random = random.Random(5)
TEXT = ("a,b\n" + "".join(f"{n},{_random.random()}\n" for n in range(20_000))).encode()


def records(path: Path, encoding: str = "utf-8") -> list[tuple[int, list[str]]]:
    with open_source(path, encoding) as source:
        return list(source.records())


def written(tmp_path: Path, content: bytes, name: str = "shop.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_reads_the_same_however_it_is_packed(tmp_path: Path, suffix: str) -> None:
    found = records(written(tmp_path, PACKERS[suffix](TEXT), f"shop{suffix}"))
    assert len(found) == 20_000
    assert found[-1][0] == 20_001


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.xz", ".csv.zst"])
def test_packed_parts_that_follow_each_other_are_one_file(tmp_path: Path, suffix: str) -> None:
    pack = PACKERS[suffix]
    path = written(tmp_path, pack(b"a,b\n1,2\n") + pack(b"3,4\n"), f"shop{suffix}")
    assert records(path) == [(2, ["1", "2"]), (3, ["3", "4"])]


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.xz", ".csv.zst"])
def test_a_cut_archive_is_an_error_and_not_an_end(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](TEXT)
    with pytest.raises(ValidationError, match="damaged or incomplete"):
        records(written(tmp_path, packed[: len(packed) // 2], f"shop{suffix}"))


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.xz", ".csv.zst"])
def test_a_damaged_archive_is_an_error(tmp_path: Path, suffix: str) -> None:
    packed = bytearray(PACKERS[suffix](TEXT))
    middle = len(packed) // 2
    packed[middle : middle + 4_000] = bytes(4_000)
    with pytest.raises(ValidationError, match="nothing was loaded"):
        records(written(tmp_path, bytes(packed), f"shop{suffix}"))


def test_a_record_counts_from_the_line_on_which_it_starts(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\r\n1,"two\r\nlines"\r\n\r\n3,4\r\n')
    assert records(path) == [(2, ["1", "two\r\nlines"]), (5, ["3", "4"])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_taken_from_the_headers(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, f"a{delimiter}b\n1{delimiter}2\n".encode())
    assert records(path) == [(2, ["1", "2"])]


def test_a_byte_order_mark_is_no_part_of_the_first_header(tmp_path: Path) -> None:
    with open_source(written(tmp_path, "\ufeffa,b\n".encode()), "utf-8") as source:
        assert source.headers == ["a", "b"]


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\nCafé,1\n".encode("cp1252"))
    assert records(path, "windows-1252") == [(2, ["Café", "1"])]


@pytest.mark.parametrize(
    ("content", "name", "complaint"),
    [
        (b"", "shop.csv", "no line of headers"),
        ("a,b\nCafé,1\n".encode("latin-1"), "shop.csv", "not utf-8"),
        (b"a,b\n1,x\0y\n", "shop.csv", "line 2 contains a NUL byte"),
        (b'a,b\n1,"open\n2,3\n', "shop.csv", "is not CSV"),
        (b"a,b\n" + b"x" * (LONGEST_LINE + 1), "shop.csv", "line 2 is longer"),
        (b"a,b\n1,2\n", "shop.csv.xz", "not xz, as its name says"),
        (b"PK\x03\x04....", "shop.csv", "zip archive or a spreadsheet"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, name: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        records(written(tmp_path, content, name))


def test_a_missing_file_and_an_unknown_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no such file"):
        records(tmp_path / "absent.csv")
    with pytest.raises(ValidationError, match="is not a character encoding"):
        records(written(tmp_path, b"a,b\n"), "klingon")
