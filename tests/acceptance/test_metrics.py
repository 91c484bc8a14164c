"""What a server tells its administrator at /metrics: true counts, with labels that no caller can add to."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.test_http_callers import a_token
from tests.http_serving import HttpServer, calling, http_server
from tests.stdio_serving import PATIENCE, greet, question, serving
from zava_cli.data.target import Target
from zava_cli.infra.errors import MCPError
from zava_cli.infra.operations import Outcome
from zava_cli.infra.shared_folder import PREFIX, forget_process, places, shared_by_processes, take_place
from zava_cli.server.errors import OPERATIONS, UNKNOWN_TOOL
from zava_cli.server.http.refusals import OPERATION

TOKEN = "an-administrators-token"
"""Nobody else's."""
LABELS = {
    "operation": {*OPERATIONS.values(), UNKNOWN_TOOL, OPERATION},
    "status": {*(outcome.value for outcome in Outcome), "error"},
    "pool": {"own", "text", "gateway"},
    "state": {"busy", "idle"},
    "provider": {"local", "onnx", "openai"},
}
TYPES = {"select", "explain", "show", "unread", "cached", "query", "CANCELLED"}


def error_codes(kind: type[MCPError] = MCPError) -> set[str]:
    """Of the whole family."""
    return {kind.error_code}.union(*(error_codes(below) for below in kind.__subclasses__()))


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    """Every sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """One sample's."""
    return found[f"zava_{name}", tuple(sorted(labels.items()))]


async def scraped(root: str, token: str | None = TOKEN) -> Samples:
    """What Prometheus gets."""
    async with httpx2.AsyncClient() as client:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        answer = await client.get(f"{root}/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return samples(answer.text)


@contextmanager
def with_own_port(target: Target, **variables: str) -> Iterator[tuple[HttpServer, str]]:
    """A server, and where it serves the administrator."""
    with http_server(target, "--no-auth", ZAVA_METRICS_PORT="0", **variables) as server:
        yield server, own_port(server)


def own_port(server: HttpServer) -> str:
    """Where a server says that it serves the administrator."""
    assert server.process.stderr is not None
    line = server.process.stderr.readline()
    found = re.search(r"Metrics on (http://127.0.0.1:[0-9]+)/metrics", line)
    assert found, line
    return found[1]


async def test_calls_of_two_managers_are_counted_together(target: Target) -> None:
    tokens = [a_token(target, who) for who in ("seattle", "bellevue")]
    with http_server(target, ZAVA_METRICS_TOKEN=TOKEN, ZAVA_SERVE_ROWS="3") as server:
        for token in tokens:
            async with calling(server.url, token=token) as caller:
                await caller.ask("select 1")
                await caller.ask("select 1")
                await caller.ask("select generate_series(1, 9)")
                await caller.ask("explain select 1")
                await caller.ask("delete from orders")
                await caller.ask("select 1 / 0")
                search = {"query_description": "hammer", "max_rows": 2}
                await caller.request("tools/call", name="search_products", arguments=search)
        found = await scraped(server.root)
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"{server.root}/stats", headers={"authorization": f"Bearer {TOKEN}"})
    queries = {query["query"]: query["count"] for query in answer.json()["queries"]}
    assert queries["select generate_series(?, ?)"] == 2
    for name in ("seattle", "bellevue", "manager"):
        assert name not in answer.text.lower()
    assert value(found, "query_total", type="select", status="ok") == 4
    # One look each finds an answer of one's own and nobody else's.
    assert value(found, "query_total", type="cached", status="ok") == 2
    assert value(found, "cache_hit_total", type="query") == 2
    assert value(found, "cache_miss_total", type="query") >= 2
    assert value(found, "cache_shared_total", type="query") == 0
    assert value(found, "cache_bypassed_total", type="query") == 0
    assert value(found, "cache_bytes", type="query") > 0
    assert value(found, "cache_entries", type="query") >= 2
    assert value(found, "query_total", type="select", status="failed") == 2
    assert value(found, "query_total", type="explain", status="ok") == 2
    assert value(found, "query_total", type="unread", status="refused") == 2
    assert value(found, "query_duration_seconds_count", type="select") == 6
    assert value(found, "operation_success_total", operation="query") == 8
    assert value(found, "operation_error_total", operation="query", type="QUERY_REFUSED") == 2
    assert value(found, "operation_error_total", operation="query", type="DATABASE_ERROR") == 2
    assert value(found, "operation_duration_seconds_count", operation="query") == 12
    assert value(found, "queue_wait_seconds_count", operation="query") >= 8
    assert value(found, "truncated_total", operation="query") == 2
    assert value(found, "rows_total", operation="query") == 2 * (1 + 1 + 3 + 1)
    assert value(found, "rows_total", operation="search") == 4
    # The second one asked for the same words.
    assert value(found, "embedding_total", provider="local", status="ok") == 1
    assert value(found, "pool_connections_max", pool="text") == 5
    assert value(found, "pool_connections", pool="text", state="idle") >= 1
    assert value(found, "audit_backlog_bytes") == 0


async def test_no_caller_can_add_a_label(target: Target) -> None:
    token = a_token(target, "seattle", "--name", "evil-name")
    with http_server(target, ZAVA_METRICS_TOKEN=TOKEN) as server:
        async with calling(server.url, token=token) as caller:
            for number in range(5):
                await caller.ask(f"select {number} as evil_{number}")
                await caller.ask(f"select evil_{number}()")
                await caller.ask(f"evil {number}")
                await caller.request("tools/call", name=f"evil_{number}", arguments={f"evil_{number}": 1})
                await caller.request("tools/call", name="search_products", arguments={"max_rows": f"evil {number}"})
        async with httpx2.AsyncClient() as client:
            for number in range(5):
                headers = {"authorization": f"Bearer evil_{number}", "user-agent": f"evil {number}"}
                await client.post(server.url, headers=headers)
                await client.get(f"{server.root}/evil_{number}", headers=headers)
        found = await scraped(server.root)
    codes = error_codes()
    for name, labels in found:
        assert "evil" not in f"{name}{labels}"
        for label, text in labels:
            assert label == "le" or text in (LABELS[label] if label != "type" else TYPES | codes), (name, label, text)


async def test_only_the_administrators_token_opens_either(target: Target) -> None:
    manager = a_token(target, "seattle")
    wrong = [
        None,
        "",
        "Bearer",
        f"Bearer {manager}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        "Bearer ü",
    ]
    with http_server(target, ZAVA_METRICS_TOKEN=TOKEN) as server:
        async with httpx2.AsyncClient() as client:
            for path, given in product(("/metrics", "/stats"), wrong):
                headers = [] if given is None else [(b"authorization", given.encode())]
                answer = await client.get(server.root + path, headers=headers)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), given
                assert "zava_" not in answer.text
            for path in ("/metrics", "/stats"):
                answer = await client.get(server.root + path, headers={"authorization": f"Bearer {TOKEN}"})
                assert answer.status_code == 200
        async with calling(server.url, token=TOKEN) as caller:
            assert (await caller.send("tools/list")).status_code == 401


async def test_without_token_or_port_there_is_nothing(target: Target) -> None:
    with http_server(target, "--no-auth") as server:
        async with httpx2.AsyncClient() as client:
            for path in ("/metrics", "/stats"):
                assert (await client.get(server.root + path)).status_code == 404


async def test_a_port_of_its_own_is_for_this_machine_and_no_page_elsewhere(target: Target) -> None:
    with with_own_port(target) as (server, root):
        async with calling(server.url) as caller:
            await caller.ask("select 1")
        assert value(await scraped(root, token=None), "query_total", type="select", status="ok") == 1
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{server.root}/metrics")).status_code == 404
            assert (await client.get(f"{root}/mcp")).status_code == 404
            elsewhere = {"host": "attacker.example"}
            assert (await client.get(f"{root}/stats", headers=elsewhere)).status_code == 400


async def test_a_port_of_its_own_asks_for_the_token_where_there_is_one(target: Target) -> None:
    with with_own_port(target, ZAVA_METRICS_TOKEN=TOKEN) as (_, root):
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{root}/metrics")).status_code == 401
        await scraped(root)


async def test_either_of_two_processes_tells_of_both_also_after_the_other_has_ended(target: Target) -> None:
    with shared_by_processes() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        shared = {"ZAVA_METRICS_TOKEN": TOKEN, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
        with http_server(target, "--no-auth", **shared) as one, http_server(target, "--no-auth", **shared) as other:
            for server, times in ((one, 2), (other, 3)):
                async with calling(server.url) as caller:
                    for number in range(times):
                        await caller.ask(f"select {number}")
            # Whoever is asked looks at its own pools first, and at those of others every other second.
            for server in (other, one):
                found = await scraped(server.root)
                assert value(found, "query_total", type="select", status="ok") == 5
            assert value(found, "pool_connections_max", pool="text") == 10
            assert other.stop() == 0
            forget_process(folder, other.process.pid)
            left = await scraped(one.root)
            assert value(left, "query_total", type="select", status="ok") == 5
            assert value(left, "pool_connections_max", pool="text") == 5
            async with httpx2.AsyncClient() as client:
                answer = await client.get(f"{one.root}/stats", headers={"authorization": f"Bearer {TOKEN}"})
            summary = answer.json()
            assert summary["processes"] == 2
            assert [(query["query"], query["count"]) for query in summary["queries"]] == [("select ?", 5)]
    assert not folder.exists()


async def test_a_server_on_pipes_leaves_its_metrics_in_a_file(target: Target, tmp_path: Path) -> None:
    file, log = tmp_path / "zava.prom", tmp_path / "zava.log"
    shown = {"ZAVA_LOG_LEVEL": "info", "ZAVA_LOG_FILE": str(log)}
    with serving(target, ZAVA_METRICS_FILE=str(file), **shown) as served:
        await greet(served)
        served.say(question(2, "select 1"))
        await served.hear()
        served.hang_up()
        assert await served.code() == 0
    assert value(samples(file.read_text()), "query_total", type="select", status="ok") == 1
    [line] = [line for line in log.read_text().splitlines() if '"served"' in line]
    assert '"operation": "query"' in line


async def test_calls_of_the_model_for_a_whole_catalogue_are_counted_too(seeded_copy: Target, tmp_path: Path) -> None:
    file = tmp_path / "zava.prom"
    with serving(seeded_copy, "--admin", ZAVA_METRICS_FILE=str(file)) as served:
        await greet(served)
        served.say({"id": 2, "method": "tools/call", "params": {"name": "embed_products", "arguments": {"all": True}}})
        report = json.loads((await served.hear())["result"]["content"][0]["text"])
        served.hang_up()
        assert await served.code() == 0
    found = samples(file.read_text())
    assert report["embedded"] > 0
    assert value(found, "embedding_total", provider="local", status="ok") >= 1
    assert value(found, "operation_success_total", operation="embed") == 1


async def test_a_process_that_is_just_beginning_to_count_is_passed_over(target: Target) -> None:
    with shared_by_processes() as folder:
        shared = {"ZAVA_METRICS_TOKEN": TOKEN, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
        with http_server(target, "--no-auth", **shared) as server:
            async with calling(server.url) as caller:
                await caller.ask("select 1")
            for kind in ("counter", "histogram", "gauge_livesum"):
                # So they are between two calls of the system; one that is killed there leaves them like that.
                (folder / f"{kind}_1.db").touch()
            assert value(await scraped(server.root), "query_total", type="select", status="ok") == 1


async def test_a_shared_folder_that_is_gone_stops_no_server(target: Target) -> None:
    with shared_by_processes() as folder:
        shared = {"ZAVA_METRICS_TOKEN": TOKEN, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
        with http_server(target, "--no-auth", **shared) as server:
            shutil.rmtree(folder)
            async with calling(server.url) as caller:
                assert not (await caller.ask("select 1")).get("isError")
            async with httpx2.AsyncClient() as client:
                answer = await client.get(f"{server.root}/stats", headers={"authorization": f"Bearer {TOKEN}"})
            assert answer.json()["queries"][0]["count"] == 1
            assert server.stop() == 0


def test_what_a_program_above_counts_elsewhere_is_left_alone(target: Target, tmp_path: Path) -> None:
    elsewhere = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with http_server(target, "--no-auth", ZAVA_METRICS_TOKEN=TOKEN, **elsewhere) as server:
        asyncio.run(scraped(server.root))
    assert list(tmp_path.iterdir()) == []


async def test_any_of_several_workers_tells_of_all_and_nothing_is_left_behind(target: Target, tmp_path: Path) -> None:
    asked = 12
    places = {"TMPDIR": str(tmp_path), "ZAVA_METRICS_PORT": "0"}
    with http_server(target, "--no-auth", "--workers", "2", **places) as server:
        root = own_port(server)
        for number in range(asked):
            # Each on a connection of its own, which the kernel gives to one of them.
            async with calling(server.url, modern=True) as caller:
                await caller.ask(f"select {number}")
        for _ in range(4):
            found = await scraped(root, token=None)
            assert value(found, "query_total", type="select", status="ok") == asked
            for name in ("resident_memory_bytes", "cpu_seconds_total", "open_fds"):
                assert all(found[f"process_{name}", (("worker", place),)] > 0 for place in ("1", "2"))
                assert (f"process_{name}", (("worker", "3"),)) not in found
        await _all_is_told(root, asked)
        assert server.stop() == 0
    assert _left_in(tmp_path) == []


def test_a_process_takes_the_place_of_the_one_that_is_forgotten() -> None:
    with shared_by_processes() as folder:
        assert [take_place(folder), take_place(folder)] == [1, 2]
        assert places(folder) == {1: os.getpid(), 2: os.getpid()}
        (folder / "place-1").write_text("4194305")
        forget_process(folder, 4194305)
        assert places(folder) == {2: os.getpid()}
        assert take_place(folder) == 1


async def _all_is_told(root: str, asked: int) -> None:
    """Waits until the summary has heard of every worker's last calls, which takes it seconds."""
    async with asyncio.timeout(PATIENCE), httpx2.AsyncClient() as client:
        while True:
            summary = (await client.get(f"{root}/stats")).json()
            assert summary["processes"] == 2
            if [query["count"] for query in summary["queries"]] == [asked]:
                return
            await asyncio.sleep(0.2)


def _left_in(folder: Path) -> list[str]:
    """Shared folders that nobody removed."""
    return [path.name for path in folder.iterdir() if path.name.startswith(PREFIX)]
