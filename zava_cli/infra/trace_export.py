"""What leaves the process of a span; imported only when traces are on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, Status

from zava_cli.infra.operations import UNKNOWN_TOOL as UNKNOWN

MOST_CHARACTERS = 60


class PrivateExporter(SpanExporter):
    """Hands spans on with their names, times and known attributes alone.

    Libraries put into theirs who asks, and what an exception said, which may be data or a statement.
    """

    def __init__(self, exporter: SpanExporter, attributes: Collection[str]) -> None:
        self._exporter = exporter
        self._attributes = attributes

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends them."""
        return self._exporter.export([self._without_secrets(span) for span in spans])

    def shutdown(self) -> None:
        """Ends; what waits for an answer gives up."""
        self._exporter.shutdown()

    def _without_secrets(self, span: ReadableSpan) -> ReadableSpan:
        told = span.attributes or {}
        known = {name: value for name, value in told.items() if name in self._attributes}
        if told.get("zava.operation") == UNKNOWN:
            # What the caller calls a tool may be anything.
            known.pop("gen_ai.tool.name", None)
        return ReadableSpan(
            _name(span),
            context=_numbers(span.context),
            parent=_numbers(span.parent),
            resource=span.resource,
            attributes=known,
            kind=span.kind,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


def _numbers(context: SpanContext | None) -> SpanContext | None:
    """Without the state, which is any text that whoever calls puts into a header."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _name(span: ReadableSpan) -> str:
    """A library's names go on with what the caller named, which is to be told only where zava knows it."""
    scope = span.instrumentation_scope
    is_known = (span.attributes or {}).get("zava.operation", UNKNOWN) != UNKNOWN
    is_ours = scope is not None and scope.name == "zava"
    return span.name if is_ours or is_known else span.name.split(" ", 1)[0][:MOST_CHARACTERS]
