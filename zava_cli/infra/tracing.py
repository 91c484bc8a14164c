"""Traces for OpenTelemetry: where the time of an operation went, told to a collector over OTLP.

Nothing of OpenTelemetry is imported, and a span costs a function call, unless an endpoint is set. What leaves the
process is a list of known attributes: no message of an error, no name of a person, and nothing that a library
adds by itself.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any

from zava_cli.infra.errors import ConfigurationError, MCPError
from zava_cli.infra.log import logger

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXTRA = "pip install 'zava[otel]'"
SHUTDOWN_SECONDS = 1.0
"""What the end of a process waits for a collector that does not answer."""
TOLD = frozenset(
    {
        "db.client.connection.pool.name", "db.operation.name", "db.query.text", "db.system.name", "error.type",
        "gen_ai.operation.name", "gen_ai.request.model", "gen_ai.tool.name", "mcp.method.name",
        "mcp.protocol.version", "zava.error_code", "zava.operation", "zava.outcome", "zava.request_id",
        "zava.role", "zava.rows", "zava.way",
    }
)  # fmt: skip
"""Attributes that leave the process; FastMCP would tell who asks and what an error said, too."""

Value = str | int | float | bool


class Span:
    """One stretch of an operation; this one goes nowhere."""

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Adds attributes; those without a value are left out."""

    def fail(self, error_type: str) -> None:
        """Marks it as failed, with the kind of the error and nothing that the error says."""


class _Told(Span):
    def __init__(self, span: Any) -> None:
        self._span = span

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        self._span.set_attributes({name: value for name, value in attributes.items() if value is not None})

    def fail(self, error_type: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", error_type)


NO_SPAN: AbstractContextManager[Span] = nullcontext(Span())


class _Tracing:
    """What this process traces with; `tracer` is None while nothing is traced."""

    tracer: Any = None
    provider: Any = None


def is_on() -> bool:
    """Whether spans go anywhere."""
    return _Tracing.tracer is not None


def span(name: str, attributes: Mapping[str, Value | None] | None = None) -> AbstractContextManager[Span]:
    """A span around the block, below the one that is open; nothing while tracing is off."""
    return NO_SPAN if _Tracing.tracer is None else _span(name, attributes or {})


def operation_span(name: str) -> AbstractContextManager[Span]:
    """The span of a whole operation: the one that FastMCP has opened for the request, or else a new one."""
    if _Tracing.tracer is None:
        return NO_SPAN
    from opentelemetry.trace import get_current_span

    current = get_current_span()
    return _span(name, {}, current if current.is_recording() else None)


@contextmanager
def _span(name: str, attributes: Mapping[str, Value | None], opened: Any = None) -> Generator[Span]:
    new = _Tracing.tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)
    with new if opened is None else nullcontext(opened) as inner:
        told = _Told(inner)
        told.set(attributes)
        try:
            yield told
        except BaseException as exc:
            told.fail(exc.error_code if isinstance(exc, MCPError) else type(exc).__name__)
            raise


def trace_id() -> str | None:
    """The trace that is open, as 32 hexadecimal digits."""
    if _Tracing.tracer is None:
        return None
    from opentelemetry.trace import format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def continuing(carrier: Mapping[str, str]) -> AbstractContextManager[None]:
    """Puts the spans of the block into the trace that a caller's `traceparent` names, if there is one."""
    return nullcontext() if _Tracing.tracer is None or "traceparent" not in carrier else _continuing(carrier)


@contextmanager
def _continuing(carrier: Mapping[str, str]) -> Generator[None]:
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    token = context.attach(TraceContextTextMapPropagator().extract(carrier))
    try:
        yield
    finally:
        context.detach(token)


def start(endpoint: str | None) -> str | None:
    """Begins to trace where `endpoint` or OpenTelemetry's own variables name a collector.

    Returns what the user should know; ConfigurationError when `endpoint` asks for it and the extra is missing.
    """
    asked = endpoint or next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if is_on() or asked is None or _is_switched_off():
        return None
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        if endpoint:
            raise ConfigurationError("otel_endpoint needs the extra otel.", hint=f"Install it: {EXTRA}")
        return f"{asked} is set, and traces need the extra otel: {EXTRA}"
    _start(endpoint)
    return None


def _is_switched_off() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"


def _start(endpoint: str | None) -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from zava_cli import __version__
    from zava_cli.infra.trace_export import PrivateExporter

    log = logging.getLogger("opentelemetry")
    log.handlers, log.propagate = [_IntoOurLog()], False
    name = os.environ.get("OTEL_SERVICE_NAME", "zava")
    resource = Resource.create({"service.name": name, "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    url = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(PrivateExporter(OTLPSpanExporter(endpoint=url), TOLD)))
    # The libraries' own spans are made with the global one.
    trace.set_tracer_provider(provider)
    _Tracing.provider, _Tracing.tracer = provider, provider.get_tracer("zava", __version__)


def stop() -> None:
    """Sends what is left and ends; gives up after SHUTDOWN_SECONDS."""
    if _Tracing.provider is None:
        return
    import threading

    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    # A thread, since the exporter waits for an answer and tries again for as long as it likes.
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(SHUTDOWN_SECONDS)


class _IntoOurLog(logging.Handler):
    """A collector that is away is told in zava's log, without tracebacks, and on no terminal that did not ask."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        logger().info("traces", said=record.getMessage())
