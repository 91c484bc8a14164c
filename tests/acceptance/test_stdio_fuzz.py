"""`zava serve` under garbage: whatever comes in, the next well-formed request is answered."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stdio_serving import INITIALIZE, PATIENCE, Served, question, serving
from zava_cli.data.target import Target

MEGABYTE = 1_000_000
MOST_GROWTH = 100 * MEGABYTE


class Conversation:
    """One client that keeps reading, so that neither side waits for the other."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self._numbers = count()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.served.stdout:
            # Anything else on standard output would end this thread, and thereby the test.
            self._heard.put(json.loads(line))

    def send(self, *lines: bytes) -> None:
        """Sends lines as they are."""
        self.served.stdin.write(b"".join(line + b"\n" for line in lines))
        self.served.stdin.flush()

    def answer_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request, whatever is said before it."""
        number = f"probe {next(self._numbers)}"
        self.served.say(request | {"id": number})
        while (message := self._heard.get(timeout=PATIENCE)).get("id") != number or "method" in message:
            pass
        return message

    def memory(self) -> int:
        """Bytes that the server holds."""
        return psutil.Process(self.served.process.pid).memory_info().rss


@pytest.fixture(scope="module")
def conversation(seeded: Target) -> Iterator[Conversation]:
    """A client that has shaken hands."""
    with serving(seeded, ZAVA_SERVE_GRACE="1") as served:
        conversation = Conversation(served)
        assert "result" in conversation.answer_to(INITIALIZE)
        served.say({"method": "notifications/initialized"})
        yield conversation
        served.stdin.close()
        assert served.process.wait(PATIENCE) == 0
        assert served.process.stderr is not None
        assert served.process.stderr.read() == b""


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
methods = st.sampled_from(
    ["ping", "initialize", "tools/list", "tools/call", "resources/read", "prompts/get", "logging/setLevel",
     "completion/complete", "notifications/cancelled", "notifications/progress", "notifications/initialized", "rpc.x"]
)  # fmt: skip
names = st.sampled_from(
    ["requestId", "progressToken", "name", "arguments", "_meta", "protocolVersion", "cursor", "uri"]
)
tools = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["execute_sales_query", "search_products", "get_table_schemas"]) | values,
        "arguments": values,
    }
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | values,
        "id": st.integers(-3, 3) | st.just(10**400) | values,
        "method": methods | values,
        "params": st.dictionaries(names, values, max_size=4) | tools | values,
        "result": values,
        "error": values,
    },
)
almost = st.tuples(methods, st.dictionaries(names, values, max_size=4) | tools).map(
    lambda pair: {"jsonrpc": "2.0", "id": 1, "method": pair[0], "params": pair[1]}
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A message with some bytes replaced, or cut off."""
    line = bytearray(json.dumps(draw(almost)).encode())
    for _ in range(draw(st.integers(0, 3))):
        line[draw(st.integers(0, len(line) - 1))] = draw(st.integers(0, 255).filter(lambda byte: byte != 10))
    return bytes(line[: draw(st.integers(1, len(line)))])


garbage = st.one_of(
    st.binary(max_size=300).map(lambda line: line.replace(b"\n", b"")),
    st.one_of(messages, almost, values, st.lists(messages, max_size=3)).map(lambda value: json.dumps(value).encode()),
    spoiled(),
)


@given(lines=st.lists(garbage, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_after_any_garbage_a_request_is_answered(conversation: Conversation, lines: list[bytes]) -> None:
    conversation.send(*lines)
    assert "result" in conversation.answer_to({"method": "ping"})


@pytest.mark.parametrize(
    "line",
    [b"[" * MEGABYTE, b'{"a":' * 200_000, b"1" * MEGABYTE, b"\xff\xfe" * 1_000, b"\x00" * 1_000,
     b'{"jsonrpc":"2.0","method":"ping","id":' + b"9" * 5_000 + b"}",
     b'{"jsonrpc":"2.0","method":"ping","id":1e999}', b'"' + b"\\ud800" * 1_000 + b'"',
     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}',
     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"a":1}}}',
     b'{"jsonrpc":"2.0","method":"tools/call","id":"\\ud800","params":{"name":"\\ud800"}}',
     b'{"jsonrpc":"2.0","method":"tools/call","id":5,"params":{"name":"check_health","arguments":'
     + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}}"],
    ids=lambda line: f"{line[:60]!r}",
)  # fmt: skip
def test_after_a_monstrous_line_a_request_is_answered(conversation: Conversation, line: bytes) -> None:
    conversation.send(line)
    assert "result" in conversation.answer_to({"method": "ping"})


def test_requests_with_one_number_are_all_answered_and_harm_nobody(conversation: Conversation) -> None:
    conversation.send(*[json.dumps({"jsonrpc": "2.0", **question(1, "select 1")}).encode()] * 20)
    answer = conversation.answer_to(question(0, "select count(*) from stores"))
    assert answer["result"]["isError"] is False


def test_a_line_without_an_end_is_not_kept_and_is_said_to_be_too_long(conversation: Conversation) -> None:
    before = conversation.memory()
    for _ in range(150):
        conversation.served.stdin.write(b"x" * MEGABYTE)
    conversation.served.stdin.flush()
    assert conversation.memory() - before < MOST_GROWTH
    conversation.send(b"")
    assert "result" in conversation.answer_to({"method": "ping"})
