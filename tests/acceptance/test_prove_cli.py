"""`zava security prove` as people and CI run it: every way in, as processes and over HTTP."""

from __future__ import annotations

import asyncio
import json

from tests.command_line import CommandLine
from tests.small_data import make_walls, remove_walls
from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target

WAYS = {"terminal", "command line", "mcp-stdio", "mcp-http"}


async def test_a_seeded_database_is_proven_on_every_way_in(seeded_copy: Target) -> None:
    # A database made from a template has not its rights: everybody may make temporary tables there.
    async with admin_connection(seeded_copy) as connection:
        await connection.execute(f'REVOKE ALL ON DATABASE "{seeded_copy.embedded_database}" FROM PUBLIC')
        gateway = seeded_copy.roles.gateway
        await connection.execute(f'GRANT CONNECT ON DATABASE "{seeded_copy.embedded_database}" TO "{gateway}"')
    zava = CommandLine(seeded_copy, "seattle")
    done = await asyncio.to_thread(zava, "security", "prove", "--quick", "--format", "json")
    assert done.code == 0, done.out + done.err
    report = json.loads(done.out)
    assert (report["proven"], report["breaches"]) == (True, [])
    for way in WAYS:
        walls = {score["wall"]: score for score in report["scores"] if score["way"] == way}
        assert set(walls) == {"guard", "signed context", "bounded transaction"}, way
        assert all(score["held"] == score["tried"] > 0 for score in walls.values()), way
    assert sum(score["tried"] for score in report["scores"]) > 1_000
    assert seeded_copy.key_file.read_text().strip() not in done.out + done.err


async def test_a_broken_wall_ends_with_1_and_is_shown_with_its_attack() -> None:
    walls = await make_walls("PostgreSQL 18")
    try:
        await walls.as_superuser("CREATE POLICY careless ON retail.customers FOR SELECT USING (true)")
        zava = CommandLine(walls.target, "Sam Seattle")
        done = await asyncio.to_thread(zava, "security", "prove", "--quick")
        assert done.code == 1
        assert "NOT PROVEN" in done.out and "SELECT DISTINCT store_id" in done.out
        assert all(way in done.out for way in WAYS)
        assert "bellevue" not in done.out.lower()
    finally:
        await remove_walls(walls)


async def test_without_the_key_of_head_office_the_command_says_what_it_needs(fresh_target: Target) -> None:
    done = await asyncio.to_thread(CommandLine(fresh_target), "security", "prove")
    assert (done.code, done.out) == (2, "")
    assert "--manager" in done.err
