"""Golden queries that a shop brings itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.embedding_server import EmbeddingServer
from tests.small_shop import as_owner, remote
from zava_cli.data.target import Target
from zava_cli.infra.errors import EmbeddingError
from zava_cli.models.embed import EmbedRequest
from zava_cli.services.embed import embed_products
from zava_cli.services.embed_check import check_model


async def golden(target: Target) -> dict[str, str]:
    """The golden queries and the SKUs of what must be found, of those that name a product."""
    rows = await as_owner(target, "SELECT query, sku FROM ops.golden_queries JOIN products USING (product_id)")
    return {row["query"]: row["sku"] for row in rows}


async def test_own_queries_take_the_place_of_made_ones_until_an_empty_file_comes(
    embedded: Target, tmp_path: Path
) -> None:
    made = await check_model(embedded, None)
    zava, file = CommandLine(embedded), tmp_path / "queries.tsv"
    file.write_text("something to climb on\tS6\n\nbarn paint\tS3\n")
    done = await asyncio.to_thread(zava, "embed", "check", "--queries", file)
    assert (done.code, "of 2 golden queries" in done.out) == (0, True), done.err
    assert await golden(embedded) == {"something to climb on": "S6", "barn paint": "S3"}
    again = await check_model(embedded, None)
    assert (again.queries, again.agreement) == (2, 1)
    file.write_text("")
    assert (await asyncio.to_thread(zava, "embed", "check", "--queries", file)).code == 0
    assert (await check_model(embedded, None)).queries == made.queries


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("barn paint S3", "there is no query, tab and SKU in line 1"),
        ("barn paint\tS3\nladder\t", "there is no query, tab and SKU in line 2"),
        ("barn paint\tS3\nbarn paint\tS1", "the query comes twice in line 2"),
        ("barn paint\tS3\nladder\tS99", "no product has these SKUs"),
        ("barn\0paint\tS3", "there is a NUL character in line 1"),
        (f"{'paint' * 201}\tS3", "the query is longer than 1000 characters in line 1"),
        ("barn paint\tS3\udcff", "it is not UTF-8 text"),
    ],
    ids=lambda text: repr(text[:20]),
)
async def test_wrong_queries_are_refused_and_change_nothing(
    embedded: Target, tmp_path: Path, text: str, told: str
) -> None:
    await check_model(embedded, None)
    before, file = await golden(embedded), tmp_path / "queries.tsv"
    file.write_bytes(text.encode(errors="surrogateescape"))
    done = await asyncio.to_thread(CommandLine(embedded), "embed", "check", "--queries", file)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert await golden(embedded) == before


async def test_queries_that_the_model_could_not_answer_are_not_kept(shop: Target, server: EmbeddingServer) -> None:
    target = remote(shop, server)
    await embed_products(target, EmbedRequest())
    made = (await check_model(target, None)).queries
    # What fails is not the first of them.
    assert made > 2
    server.behaviour, server.poison = "bad_request", "barn"
    with pytest.raises(EmbeddingError):
        await check_model(target, None, queries="a ladder\tS6\nbarn paint\tS3\n")
    server.behaviour = "ok"
    assert (await check_model(target, None)).queries == made
