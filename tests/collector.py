"""A small real collector: takes traces over OTLP (http/protobuf) and shows what it was told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.http_stub import Answering, answering


@dataclass(frozen=True)
class ToldSpan:
    """One span as it arrived."""

    name: str
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What arrived, and where to send it."""

    url: str
    spans: list[ToldSpan] = field(default_factory=list[ToldSpan])
    raw: list[bytes] = field(default_factory=list[bytes])

    def named(self, name: str) -> ToldSpan:
        """The one span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def above(self, span: ToldSpan) -> list[str]:
        """Names of the spans above one, nearest first."""
        by_id = {other.id: other for other in self.spans}
        above: list[str] = []
        while span.parent in by_id:
            span = by_id[span.parent]
            above.append(span.name)
        return above

    def take(self, body: bytes) -> None:
        """Takes one request."""
        self.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += [_told(span) for span in scope.spans]


def _told(span: Any) -> ToldSpan:
    attributes = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}
    assert not span.events
    return ToldSpan(
        span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.status.code == 2, attributes
    )


@contextmanager
def collector() -> Iterator[Collector]:
    """One that runs for the block, on a port of its own."""

    class Handler(Answering):
        def respond(self) -> None:
            found.take(self.rfile.read(int(self.headers["content-length"])))
            self.answer(200)

    with answering(Handler) as server:
        found = Collector(f"http://127.0.0.1:{server.server_port}")
        yield found
