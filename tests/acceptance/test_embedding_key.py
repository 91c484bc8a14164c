"""The key of an embedding provider goes to the provider and nowhere else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.collector import collector
from tests.command_line import CommandLine
from tests.embedding_server import KEY, Behaviour, EmbeddingServer, embedding_server
from zava_cli.data.target import Target

BEHAVIOURS: list[Behaviour] = ["unauthorized", "bad_request", "not_json", "ok"]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    """A provider that repeats the key where it refuses."""
    with embedding_server() as running:
        yield running


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "ZAVA_OPENAI_API_KEY"])
def test_a_key_is_in_no_output_log_trace_or_command_line(
    seeded_copy: Target, server: EmbeddingServer, tmp_path: Path, variable: str
) -> None:
    log, seen = tmp_path / "zava.log", b""
    with collector() as found:
        for server.behaviour in BEHAVIOURS:
            server.most_at_once = 0
            process = CommandLine(seeded_copy).start(
                "embed", "--batch", "100", OTEL_EXPORTER_OTLP_ENDPOINT=found.url, ZAVA_LOG_LEVEL="debug",
                ZAVA_LOG_FILE=str(log), ZAVA_EMBEDDING_PROVIDER="openai", ZAVA_EMBEDDING_MODEL="test-model",
                ZAVA_EMBEDDING_BASE_URL=server.base_url, **{variable: KEY},
            )  # fmt: skip
            server.wait_for_a_request()
            seen += _command_lines(process)
            out, err = process.communicate(timeout=120)
            assert (process.returncode == 0) == (server.behaviour == "ok"), err
            seen += (out + err).encode()
    if variable == "ZAVA_OPENAI_API_KEY":
        assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    else:
        # That one is OpenAI's, and this is not OpenAI.
        assert {headers["authorization"] for headers in server.headers} == {"Bearer none"}
    assert any(span.name == "embeddings" for span in found.spans)
    assert KEY.encode() not in seen + log.read_bytes() + b"".join(found.raw)


def _command_lines(process: subprocess.Popen[str]) -> bytes:
    started = psutil.Process(process.pid)
    return str([one.cmdline() for one in (started, *started.children(recursive=True))]).encode()
