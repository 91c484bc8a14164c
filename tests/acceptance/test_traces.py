"""Traces as a collector gets them: one per request from the caller to the SQL, and nothing private."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import httpx2
import pytest

from tests.acceptance.test_http_callers import a_token
from tests.collector import Collector, collector
from tests.command_line import CommandLine
from tests.http_serving import calling, http_server
from tests.stdio_serving import greet, serving
from zava_cli.data.target import Target

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SQL = "select count(*) /* hush-hush */ from stores where name <> 'top-secret' and 4711 > 12"
UNSPEAKABLE = (b"top-secret", b"4711", b"hush-hush", b"seattle", b"Seattle")


def check_privacy(found: Collector) -> None:
    """No literal, no name and no comment, wherever in what was sent."""
    assert found.raw
    assert [text for text in UNSPEAKABLE if any(text in body for body in found.raw)] == []


TOOL = "tools/call execute_sales_query"


def check_the_way_down(found: Collector, operation: str) -> None:
    """From the operation over the guard and the pool to the statement, in the caller's trace."""
    (select,) = [span for span in found.spans if "from stores" in str(span.attributes.get("db.query.text"))]
    assert select.name == "SELECT"
    assert select.trace == found.named(operation).trace == TRACE
    assert select.attributes["db.system.name"] == "postgresql"
    assert select.attributes["db.operation.name"] == "SELECT"
    assert select.attributes["db.query.text"] == "select count(*) from stores where name <> ? and ? > ?"
    assert found.above(select) == [operation]
    for name in ("guard", "wait for a connection"):
        assert any(operation in found.above(span) for span in found.spans if span.name == name)
    told = found.named(operation).attributes
    assert {name: told[f"zava.{name}"] for name in ("operation", "outcome", "role", "rows")} == {
        "operation": "query", "outcome": "ok", "role": "store_manager", "rows": 1,
    }  # fmt: skip


def test_a_command_is_one_trace_that_goes_on_with_the_one_of_whoever_started_it(target: Target) -> None:
    with collector() as found:
        done = CommandLine(target, "seattle")(
            "query", SQL, OTEL_EXPORTER_OTLP_ENDPOINT=found.url, TRACEPARENT=TRACEPARENT
        )
    assert (done.code, done.out, done.err) == (0, "count\n1\n", "")
    check_the_way_down(found, "query")
    check_privacy(found)


async def test_a_call_over_http_goes_on_with_the_trace_of_its_headers(target: Target) -> None:
    with (
        collector() as found,
        http_server(target, "--no-auth", "--as", "seattle", ZAVA_OTEL_ENDPOINT=found.url) as server,
    ):
        async with calling(server.url, modern=True) as caller:
            caller.headers |= {"traceparent": TRACEPARENT, "tracestate": "vendor=top-secret"}
            assert "isError" not in str(await caller.ask(SQL)).replace("'isError': False", "")
        assert server.stop() == 0
    check_the_way_down(found, TOOL)
    check_privacy(found)


async def test_a_trace_over_http_is_that_of_whoever_has_proved_who_they_are(target: Target) -> None:
    token = a_token(target, "seattle")
    with collector() as found, http_server(target, ZAVA_OTEL_ENDPOINT=found.url) as server:
        for given, status in ((token, 200), (token + "x", 401), (None, 401)):
            async with calling(server.url, modern=True, token=given) as caller:
                caller.headers |= {"traceparent": TRACEPARENT}
                answer = await caller.send(
                    "tools/call", name="execute_sales_query", arguments={"postgresql_query": SQL}
                )
            assert answer.status_code == status
        async with httpx2.AsyncClient() as client:
            for path in ("/health", "/health/ready"):
                await client.get(server.root + path, headers={"traceparent": TRACEPARENT})
        assert server.stop() == 0
    check_the_way_down(found, TOOL)
    refused = [span for span in found.spans if span.name == "authenticate"]
    # Two of the tool, one of the details of health.
    assert len(refused) == 3
    # What happened before anybody was known, or for nobody, is in traces of the server's own.
    of_the_caller = {span.name for span in found.spans if span.trace == TRACE}
    assert "authenticate" not in of_the_caller
    [known] = [span for span in found.spans if span.name == TOOL]
    assert all(TOOL in [span.name, *found.above(span)] for span in found.spans if span.trace == known.trace)


async def test_a_call_over_stdio_goes_on_with_the_trace_in_its_meta_and_a_failed_one_tells_its_trace(
    target: Target,
) -> None:
    with collector() as found, serving(target, OTEL_EXPORTER_OTLP_ENDPOINT=found.url) as served:
        await greet(served)
        for number, sql in enumerate((SQL, "select * from stores where 'top-secret' = nothing"), 50):
            arguments = {"postgresql_query": sql}
            trace = {"traceparent": TRACEPARENT, "tracestate": "vendor=top-secret"}
            params = {"name": "execute_sales_query", "arguments": arguments, "_meta": trace}
            served.say({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
            answer = await served.hear()
        assert answer["result"]["structuredContent"]["error"]["trace_id"] == TRACE
        served.hang_up()
        assert await served.code() == 0
    operations = [span for span in found.spans if span.name == TOOL]
    assert [(span.trace, span.failed, span.attributes["zava.outcome"]) for span in operations] == [
        (TRACE, False, "ok"), (TRACE, True, "failed"),
    ]  # fmt: skip
    assert operations[1].attributes["zava.error_code"] == "DATABASE_ERROR"
    check_privacy(found)


async def test_each_worker_tells_its_traces_when_it_ends(target: Target) -> None:
    with (
        collector() as found,
        http_server(target, "--no-auth", "--as", "seattle", "--workers", "2", ZAVA_OTEL_ENDPOINT=found.url) as server,
    ):
        async with calling(server.url, modern=True) as caller:
            await caller.ask(SQL)
        assert server.stop() == 0
    assert found.named(TOOL).attributes["zava.outcome"] == "ok"


async def test_what_a_caller_makes_up_is_not_told(target: Target) -> None:
    with (
        collector() as found,
        http_server(target, "--no-auth", "--as", "seattle", ZAVA_OTEL_ENDPOINT=found.url) as server,
    ):
        async with calling(server.url) as caller:
            await caller.request("tools/call", name="top-secret", arguments={"hush-hush": 4711})
            await caller.request("resources/read", uri="top-secret://hush-hush")
            await caller.request("prompts/get", name="top-secret")
        assert server.stop() == 0
    assert {"tools/call", "resources/read"} <= {span.name for span in found.spans}
    check_privacy(found)


def test_log_lines_name_the_trace(target: Target) -> None:
    with collector() as found:
        done = CommandLine(target, "seattle")(
            "whoami", "--log-level", "info", OTEL_EXPORTER_OTLP_ENDPOINT=found.url, TRACEPARENT=TRACEPARENT
        )
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert {line["trace_id"] for line in lines if line["event"] == "done"} == {TRACE}


def test_a_search_shows_the_call_of_the_model_and_not_what_was_sought(target: Target) -> None:
    with collector() as found:
        CommandLine(target, "seattle")("search", "top-secret hammer", OTEL_EXPORTER_OTLP_ENDPOINT=found.url)
    assert found.named("embeddings").attributes["gen_ai.operation.name"] == "embeddings"
    assert found.above(found.named("embeddings")) == ["search"]
    check_privacy(found)


@pytest.mark.parametrize("answers", [False, True], ids=["nobody listens", "it never answers"])
def test_a_dead_collector_changes_nothing_of_an_answer(target: Target, answers: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1] if answers else 9}"
        done = CommandLine(target, "seattle")("query", "select 1 as one", OTEL_EXPORTER_OTLP_ENDPOINT=url)
    assert (done.code, done.out, done.err) == (0, "one\n1\n", "")


WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry.sdk"] = sys.modules["opentelemetry.exporter"] = None
from zava_cli.__main__ import main
sys.argv = ["zava", "config", "show"]
main()
"""


@pytest.mark.parametrize(
    ("variable", "code", "said"),
    [("ZAVA_OTEL_ENDPOINT", 2, "Error: otel_endpoint needs the extra otel."),
     ("OTEL_EXPORTER_OTLP_ENDPOINT", 0, "Note: OTEL_EXPORTER_OTLP_ENDPOINT is set, and traces need the extra otel")],
)  # fmt: skip
def test_who_asks_for_traces_without_the_extra_is_told_of_it(variable: str, code: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA], env=CommandLine().environment(**{variable: "http://127.0.0.1:9"}),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code
    assert done.stderr.startswith(said)
    assert "zava[otel]" in done.stderr
