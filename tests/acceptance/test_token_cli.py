"""`zava token` as a person uses it: the token is shown once, to the one who asked for it."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.conftest import opened
from zava_cli.data.target import Target
from zava_cli.data.token import resolve_token


async def manager_of(target: Target, token: str) -> str | None:
    """Name of the manager for whom a token is good."""
    async with opened(target) as provider:
        grant = await resolve_token(provider, token)
        return None if grant is None else (await provider.identify(str(grant.manager_id))).identity.stores[0]


async def test_a_token_is_the_only_thing_on_standard_output_and_the_rest_is_told_beside_it(
    seeded_copy: Target,
) -> None:
    zava = CommandLine(seeded_copy)
    done = zava("token", "create", "--as", "seattle", "--scope", "reports", "--name", "night", "--expires", "30d")
    assert done.code == 0
    token = done.out.removesuffix("\n")
    assert await manager_of(seeded_copy, token) == "Zava Retail Seattle"
    assert token[14:] not in done.err
    first, second = done.err.splitlines()
    assert first.startswith(f"Token {token[5:13]} (night) is good for reports as ")
    assert second.startswith("It expires at ")

    listed = zava("token", "list", "--format", "json")
    [row] = json.loads(listed.out)
    assert (row["prefix"], row["name"], row["scopes"], row["state"]) == (token[5:13], "night", "reports", "active")
    assert token[14:] not in listed.out + zava("token", "list", "--format", "table").out

    revoked = zava("token", "revoke", "night")
    assert (revoked.code, revoked.out) == (0, f"Revoked {token[5:13]} (night).\n")
    assert await manager_of(seeded_copy, token) is None
    [row] = csv.DictReader(io.StringIO(zava("token", "list").out))
    assert row["state"] == "revoked" and row["revoked_at"]
    again = zava("token", "revoke", token)
    assert again.code == 2
    assert token[14:] not in again.out + again.err


async def test_a_token_goes_into_a_new_file_that_only_its_owner_reads(seeded_copy: Target, tmp_path: Path) -> None:
    zava, place = CommandLine(seeded_copy, who="seattle"), tmp_path / "seattle.token"
    done = zava("token", "create", "--out", place, "--log-level", "debug", "--log-file", tmp_path / "log")
    assert (done.code, done.out) == (0, "")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    token = place.read_text().strip()
    assert await manager_of(seeded_copy, token) == "Zava Retail Seattle"
    assert token[14:] not in done.err + (tmp_path / "log").read_text()

    second = zava("token", "create", "--out", place)
    assert second.code == 2 and "exists" in second.err
    assert place.read_text().strip() == token
    assert len(json.loads(zava("token", "list", "--format", "json").out)) == 1


@pytest.mark.parametrize(("arguments", "code", "told"), [
    (["--as", "seattle", "--scope", "admin"], 2, "admin"),
    (["--as", "seattle", "--expires", "soon"], 2, "expires"),
    (["--as", "seattle", "--expires", "10000d"], 2, "expires"),
    (["--as", "nowhere"], 1, "exactly one manager"),
    (["--as", "seattle", "--out", "/nowhere/token"], 2, "/nowhere/token"),
    ([], 2, "--as"),
])  # fmt: skip
def test_what_makes_no_token_says_why_and_leaves_none(
    target: Target, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    zava = CommandLine(target, folder=tmp_path)
    before = zava("token", "list", "--format", "json").out
    done = zava("token", "create", *arguments)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert zava("token", "list", "--format", "json").out == before


def test_a_file_is_not_left_behind_when_there_is_no_token_to_put_into_it(target: Target, tmp_path: Path) -> None:
    place = tmp_path / "token"
    assert CommandLine(target)("token", "create", "--as", "nowhere", "--out", place).code == 1
    assert not place.exists()
