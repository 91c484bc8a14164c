"""The product behind PgBouncer, as it is deployed: a server for many managers and the terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.http_serving import calling, http_server
from tests.pooler import folder_of_a_pooler, pooled
from tests.small_data import ORDERS
from zava_cli.data.target import Target

COUNT = "select count(*) from orders"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for the pooler."""
    with folder_of_a_pooler() as folder:
        yield folder


def variables(target: Target) -> dict[str, str]:
    """What leads zava through the pooler."""
    assert target.settings.database_url is not None
    return {
        "ZAVA_DATABASE_URL": target.settings.database_url.get_secret_value(),
        "ZAVA_ADMIN_URL": target.admin_dsn,
        "ZAVA_PREPARED_STATEMENTS": "false",
    }


async def test_a_server_and_the_terminal_work_on_one_shared_connection(shop: Target, place: Path) -> None:
    direct = CommandLine(shop)
    off = direct("security", "bind-backend", "off")
    assert (off.code, off.out) == (0, "A context is good on every connection until it expires.\n")
    tokens = {city: CommandLine(shop, who=city)("token", "create").out.split()[0] for city in ("Seattle", "Tacoma")}
    with pooled(shop, place) as behind:
        through = variables(behind)
        with http_server(behind, **through) as server:

            async def counts(city: str) -> list[int]:
                async with calling(server.url, token=tokens[city]) as caller:
                    results = [await caller.ask(COUNT) for _ in range(10)]
                return [json.loads(result["content"][0]["text"])["rows"][0][0] for result in results]

            cities = ["Seattle", "Tacoma"] * 4
            found = await asyncio.gather(*(counts(city) for city in cities))
        assert found == [[ORDERS[city]] * 10 for city in cities]
        done = CommandLine(shop, who="seattle")("query", COUNT, "-t", **through)
        assert (done.code, done.out, done.err) == (0, f"{ORDERS['Seattle']}\n", "")
        exported = CommandLine(shop, who="tacoma")("query", "select order_id from orders", "--format", "csv", **through)
        assert len(exported.out.splitlines()) == ORDERS["Tacoma"] + 1
        assert not list(shop.settings.data_dir.glob(f"audit/{shop.settings.profile}-*.jsonl"))
    assert direct("security", "bind-backend", "on").code == 0


def test_a_terminal_that_left_prepared_statements_on_is_told_which_setting_turns_them_off(
    shop: Target, place: Path
) -> None:
    with pooled(shop, place) as behind:
        left_on = variables(behind) | {"ZAVA_PREPARED_STATEMENTS": "true"}
        # Each process gives its statements the same names.
        told = [CommandLine(shop, who="seattle")("search", "hammer", "-m", "keyword", **left_on) for _ in range(2)]
    assert told[-1].code == 2
    assert "ZAVA_PREPARED_STATEMENTS=false" in told[-1].err
    assert "cache_size" not in told[-1].err
