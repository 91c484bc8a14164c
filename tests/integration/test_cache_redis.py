"""Answers in a real Redis: sealed, shared by servers, and not missed much when it goes away."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.certificates import self_signed
from tests.redis_server import PASSWORD, RedisServer, redis_server
from tests.unit.test_cache import at_once, never, place, same
from zava_cli.infra import cache_redis, cache_stores
from zava_cli.infra.cache import Answer, QueryCache
from zava_cli.infra.cache_stores import Place
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.log import logger
from zava_cli.infra.settings import Settings

SECRET_TEXT = "the answer of Seattle"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a healthy Redis may take longer than a caller would wait."""
    monkeypatch.setattr(cache_redis, "WAIT_SECONDS", 2.0)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def caches(redis: RedisServer) -> AsyncIterator[tuple[QueryCache, QueryCache]]:
    """Two servers with the same Redis."""
    settings = Settings.model_validate({"redis_url": redis.url})
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(QueryCache(settings)) for _ in range(2)]
        yield first, second


@pytest.fixture
def cache(caches: tuple[QueryCache, QueryCache]) -> QueryCache:
    return caches[0]


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    # The first line of a process sets structlog up, which would end the capture.
    logger().warning("capturing")
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again at once."""
    monkeypatch.setattr(cache_stores, "PAUSE_SECONDS", 0.0)


async def test_servers_share_what_lies_in_redis(caches: tuple[QueryCache, QueryCache]) -> None:
    first, second = caches
    await first.answer(place(), at_once(SECRET_TEXT), same)
    answer, was_there = await second.answer(place(), never, same)
    assert (answer.text, answer.row_count, was_there) == (SECRET_TEXT, 1, True)
    assert await first.is_shared() is True
    assert first.statistics.entries == 0


async def test_redis_forgets_by_itself_and_holds_nothing_that_can_be_read(
    cache: QueryCache, redis: RedisServer
) -> None:
    await cache.answer(place(), at_once(SECRET_TEXT), same)
    (name,) = redis.names()
    assert 0 < redis.client.ttl(name) <= 300
    kept = redis.client.get(name)
    assert isinstance(kept, bytes)
    assert not any(word in kept.decode() for word in [*SECRET_TEXT.split(), "row_count", "made_at"])


async def test_what_one_caller_put_there_is_no_answer_for_another(cache: QueryCache) -> None:
    await cache.answer(place(), at_once(SECRET_TEXT), same)
    assert (await cache.answer(Place("a", b"o" * 32), at_once("own"), same))[0].text == "own"


@pytest.mark.parametrize(
    "forged",
    ["", "{", "[]", "7", '{"value": 7}', '{"value": {}}', '{"value": {"text": "forged", "row_count": 1, "name": "a"}}',
     '{"value": {"__encrypted_data__": "Zm9yZ2Vk", "__encryption_version__": 1}}', b"\xff\xfe",
     "flipped", "truncated", "swapped"],
)  # fmt: skip
async def test_an_entry_that_was_altered_is_a_miss_and_logged(
    cache: QueryCache, redis: RedisServer, logged: list[Any], forged: str | bytes
) -> None:
    await cache.answer(place("b"), at_once("of another question"), same)
    (other,) = redis.names()
    await cache.answer(place(), at_once(SECRET_TEXT), same)
    name = other.replace(b"::b", b"::a")
    kept = redis.client.get(name)
    assert isinstance(kept, bytes)
    if forged == "flipped":
        entry = json.loads(kept)
        sealed = entry["value"]["__encrypted_data__"]
        entry["value"]["__encrypted_data__"] = sealed[:80] + ("A" if sealed[80] != "A" else "B") + sealed[81:]
        forged = json.dumps(entry)
    elif forged == "truncated":
        forged = kept[: len(kept) // 2]
    elif forged == "swapped":
        forged = redis.client.get(other)  # type: ignore[assignment]
    redis.client.set(name, forged)
    answer, was_there = await cache.answer(place(), at_once("asked again"), same)
    assert (answer.text, was_there) == ("asked again", False)
    assert cache.statistics.errors == 1
    assert [line["event"] for line in logged] == ["an answer in Redis is not what was put there"]
    # And mended.
    assert (await cache.answer(place(), never, same))[0].text == "asked again"


async def test_an_entry_whose_end_was_put_off_is_too_old_all_the_same(cache: QueryCache, redis: RedisServer) -> None:
    await cache.answer(place(), at_once("old", made_at=Answer("", None).made_at - 290), same)
    (name,) = redis.names()
    kept = json.loads(redis.client.get(name))  # type: ignore[arg-type]
    kept["expires_at"] = "2999-01-01T00:00:00+00:00"
    redis.client.set(name, json.dumps(kept))
    assert (await cache.answer(place(), at_once("new"), same, max_age=280))[0].text == "new"


@pytest.mark.usefixtures("impatient")
async def test_a_redis_that_dies_in_mid_flight_costs_no_answer_and_is_used_again_when_it_returns(
    caches: tuple[QueryCache, QueryCache], redis: RedisServer, logged: list[Any]
) -> None:
    first, second = caches

    async def make() -> Answer:
        redis.kill()
        return Answer(SECRET_TEXT, 1)

    assert (await first.answer(place(), make, same))[0].text == SECRET_TEXT
    assert (await first.answer(place(), never, same))[0].text == SECRET_TEXT
    assert first.statistics.entries == 1
    assert await first.is_shared() is False

    redis.start()
    await first.answer(place("b"), at_once("in Redis again"), same)
    assert (await second.answer(place("b"), never, same))[0].text == "in Redis again"
    assert await first.is_shared() is True
    events = [line["event"] for line in logged]
    assert events == ["answers are kept in memory and not in Redis", "Redis answers again"]
    assert PASSWORD not in json.dumps(logged)
    assert str(redis.socket) not in json.dumps(logged)


@pytest.mark.parametrize("harm", ["kill", "freeze"])
async def test_a_redis_that_is_away_is_asked_once_and_then_left_alone(
    cache: QueryCache, redis: RedisServer, harm: str
) -> None:
    getattr(redis, harm)()
    await cache.answer(place(), at_once(SECRET_TEXT), same)
    for number in range(50):
        await cache.answer(place(str(number)), at_once(SECRET_TEXT), same)
    assert (await cache.answer(place(), never, same))[0].text == SECRET_TEXT
    assert cache.statistics.errors == 1


@pytest.mark.usefixtures("impatient")
async def test_while_one_tries_an_absent_redis_the_others_do_not_wait(
    cache: QueryCache, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis.freeze()
    await cache.answer(place(), at_once(SECRET_TEXT), same)
    monkeypatch.setattr(cache_stores, "PAUSE_SECONDS", 60.0)
    await asyncio.gather(*(cache.answer(place(str(number)), at_once(SECRET_TEXT), same) for number in range(20)))
    assert cache.statistics.errors == 3


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "zava_cli.infra.cache_redis", raising=False)
    with pytest.raises(ConfigurationError) as raised:
        QueryCache(Settings.model_validate({"redis_url": "redis://:secret@somewhere"}))
    assert "zava[redis]" in str(raised.value.hint)
    assert "secret" not in f"{raised.value.message}{raised.value.hint}"


async def trouble_with(url: str) -> str:
    """What is told of a Redis at that URL, which the server goes on without."""
    async with QueryCache(Settings.model_validate({"redis_url": url})) as cache:
        await cache.answer(place(), at_once(SECRET_TEXT), same)
        assert (await cache.answer(place(), never, same))[0].text == SECRET_TEXT
        assert await cache.is_shared() is False
        return str(cache.trouble)


async def test_a_redis_that_refuses_is_away_too_and_it_is_said_why(redis: RedisServer, logged: list[Any]) -> None:
    redis.client.execute_command("ACL", "SETUSER", "reader", "on", ">wrong-password", "~*", "+get", "+ping")
    for url, reason in (
        (redis.url.replace(PASSWORD, "wrong-password"), "refuses the user or password"),
        (redis.url.replace(f":{PASSWORD}", f"wrong-password:{PASSWORD}"), "refuses the user or password"),
        (redis.url.replace(f":{PASSWORD}@", ""), "wants a password"),
        (redis.url.replace(f":{PASSWORD}", "reader:wrong-password"), "use GET and SET"),
        (f"{redis.url}?db=999", "no database of the number"),
        (f"{redis.url}-not-there", "does not answer: No such file or directory"),
    ):
        assert reason in await trouble_with(url)
        assert reason in logged[-1]["reason"]
    redis.freeze()
    assert await trouble_with(redis.url) == "Redis does not answer"
    told = json.dumps(logged)
    assert PASSWORD not in told and "wrong-password" not in told and str(redis.socket) not in told


async def test_a_redis_with_and_without_tls_is_told_from_one_that_is_away(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = self_signed(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    open_doors: list[asyncio.Task[None]] = []

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_doors.append(task)
        own_reader, own_writer = await asyncio.open_unix_connection(redis.socket)
        try:
            await asyncio.gather(piped(reader, own_writer), piped(own_reader, writer), return_exceptions=True)
        finally:
            for end in (writer, own_writer):
                end.close()
                with suppress(OSError, asyncio.CancelledError):
                    await end.wait_closed()

    plain = await asyncio.start_server(passed_on, "127.0.0.1", 0)
    tls = await asyncio.start_server(passed_on, "127.0.0.1", 0, ssl=context)
    async with plain, tls:
        plain_port, tls_port = (server.sockets[0].getsockname()[1] for server in (plain, tls))
        there = f":{PASSWORD}@127.0.0.1"
        assert "perhaps because it wants TLS" in await trouble_with(f"redis://{there}:{tls_port}")
        assert "certificate of Redis is not trusted" in await trouble_with(f"rediss://{there}:{tls_port}")
        monkeypatch.setattr(cache_redis, "WAIT_SECONDS", 0.5)
        assert "perhaps because it has no TLS" in await trouble_with(f"rediss://{there}:{plain_port}")
        for task in open_doors:
            task.cancel()
        await asyncio.gather(*open_doors, return_exceptions=True)


async def piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hands on what comes until it ends."""
    while piece := await reader.read(65_536):
        writer.write(piece)
    writer.close()
