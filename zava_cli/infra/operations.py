"""What surrounds every operation on both fronts: a request id, one log line, one record, no unforeseen error text."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from zava_cli.infra.errors import (
    AuthorizationError,
    CallerLeftError,
    ConfigurationError,
    ContextRefusedError,
    DatabaseBusyError,
    DatabaseUnavailableError,
    InternalError,
    MCPError,
    QueryRefusedError,
    QueryTimeoutError,
    RateLimitedError,
    ValidationError,
)
from zava_cli.infra.log import ABOUT, logger
from zava_cli.infra.tracing import NO_SPAN, is_on, operation_span, trace_id

SERVING = "serve"
UNKNOWN_TOOL = "unknown tool"


class Way(StrEnum):
    """The ways in."""

    TERMINAL = "terminal"
    ADMINISTRATOR = "administrator"
    MCP_STDIO = "mcp-stdio"
    MCP_HTTP = "mcp-http"


class Outcome(StrEnum):
    """How an operation ended."""

    OK = "ok"
    REFUSED = "refused"
    UNAUTHORIZED = "unauthorized"
    FORGED = "forged"
    INVALID = "invalid"
    LIMITED = "limited"
    BUSY = "busy"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


_OUTCOMES: list[tuple[type[MCPError], Outcome]] = [
    (QueryRefusedError, Outcome.REFUSED),
    (QueryTimeoutError, Outcome.TIMEOUT),
    (DatabaseBusyError, Outcome.BUSY),
    (DatabaseUnavailableError, Outcome.UNAVAILABLE),
    (ContextRefusedError, Outcome.FORGED),
    (AuthorizationError, Outcome.UNAUTHORIZED),
    (ValidationError, Outcome.INVALID),
    (ConfigurationError, Outcome.INVALID),
    (RateLimitedError, Outcome.LIMITED),
    (CallerLeftError, Outcome.CANCELLED),
]
"""The first class that fits decides; what fits none has failed."""


@dataclass(slots=True)
class OperationRecord:
    """What the audit log keeps of one operation; whoever learns something about it fills it in.

    `who` is what the caller said, `manager_id` and `role` what that turned out to be, `token` the prefix of zava's
    own token that they came with. `parameters` holds names, never values. `statement` is what the guard let pass of
    `sql`, `kind` what it is, and `fingerprint` what it has in common with those of other values; `waited` is the part
    of `seconds` that went by before there was a connection, `reading_state` what decided which rows were there when
    the first transaction began, which is asked for only where `keeps_answer` says that the answer may be kept.
    """

    operation: str
    way: Way = Way.TERMINAL
    who: str | None = None
    client: str | None = None
    token: str = ""
    record_id: str = field(default_factory=lambda: secrets.token_hex(16))
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    manager_id: UUID | None = None
    role: str | None = None
    sql: str | None = None
    parameters: Sequence[str] = ()
    row_count: int | None = None
    from_cache: bool = False
    truncated: bool = False
    statement: str | None = None
    kind: str | None = None
    fingerprint: str | None = None
    waited: float = 0
    keeps_answer: bool = False
    reading_state: str | None = None
    outcome: Outcome = Outcome.OK
    error_code: str | None = None
    refused: str | None = None
    seconds: float = 0

    @property
    def request_id(self) -> str:
        """What log lines and error messages call it by."""
        return self.record_id[:12]

    @property
    def at_work(self) -> float:
        """The part of `seconds` that was no waiting for a connection."""
        return max(0.0, self.seconds - self.waited)

    def identified(self, manager_id: UUID, role: str) -> None:
        """Takes who the caller was found to be."""
        self.manager_id, self.role = manager_id, role

    def fail(self, error: MCPError) -> None:
        """Takes outcome and reason from an error."""
        self.outcome = next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), Outcome.FAILED)
        self.error_code = error.error_code
        if isinstance(error, QueryRefusedError):
            self.refused = error.construct

    def about(self) -> dict[str, Any]:
        """What each line of the log tells of it."""
        about = {"request_id": self.request_id, "operation": self.operation, "way": self.way, "identity": self.who}
        trace = trace_id()
        return about if trace is None else about | {"trace_id": trace}


RecordSink = Callable[[OperationRecord], None]
"""Takes a finished record; neither waits nor raises."""

_current: ContextVar[OperationRecord | None] = ContextVar("operation", default=None)


def current_operation() -> OperationRecord:
    """The record of the operation that runs; outside of one a record that nobody reads."""
    return _current.get() or OperationRecord("none")


@contextmanager
def waiting() -> Generator[None]:
    """Adds the block's time to what the operation has waited for a connection."""
    started = time.monotonic()
    try:
        yield
    finally:
        current_operation().waited += time.monotonic() - started


@contextmanager
def operation(record: OperationRecord, sink: RecordSink) -> Generator[None]:
    """Logs start, end and outcome of the block and hands its record to `sink`, however it ends.

    An unforeseen error becomes InternalError with the request id as its reference.
    """
    started = time.monotonic()
    current, about = _current.set(record), ABOUT.set(record.about)
    with operation_span(record.operation) if record.operation != SERVING else NO_SPAN as span:
        try:
            yield
            logger().info("done", seconds=_since(started))
        except MCPError as exc:
            record.fail(exc)
            logger().info("failed", error_code=exc.error_code, seconds=_since(started))
            raise
        except Exception as exc:
            error = InternalError(record.request_id)
            record.fail(error)
            logger().error("unexpected", seconds=_since(started), error=type(exc).__name__, exc_info=True)
            raise error from exc
        except BaseException:
            # Cancelled by the caller, interrupted, or nobody reads the answer any more.
            record.outcome = Outcome.CANCELLED
            raise
        finally:
            record.seconds = round(time.monotonic() - started, 6)
            if is_on():
                span.set(_attributes(record))
            _current.reset(current)
            sink(record)
            ABOUT.reset(about)


def _attributes(record: OperationRecord) -> dict[str, str | int | None]:
    return {
        "zava.operation": record.operation, "zava.way": record.way.value, "zava.role": record.role,
        "zava.outcome": record.outcome.value, "zava.rows": record.row_count,
        "zava.request_id": record.request_id, "zava.error_code": record.error_code,
    }  # fmt: skip


def _since(started: float) -> float:
    return round(time.monotonic() - started, 4)
