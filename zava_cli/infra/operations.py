"""What surrounds every operation on both fronts: a request id, one log line, and no unforeseen error text."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager

import structlog

from zava_cli.infra.errors import InternalError, MCPError
from zava_cli.infra.log import logger


@contextmanager
def operation(name: str, *, identity: str | None = None) -> Generator[None]:
    """Logs start, end and outcome of the block; an unforeseen error becomes InternalError with a reference."""
    request_id = secrets.token_hex(6)
    started = time.monotonic()
    with structlog.contextvars.bound_contextvars(request_id=request_id, operation=name, identity=identity):
        try:
            yield
        except MCPError as exc:
            logger().info("failed", error_code=exc.error_code, seconds=_since(started))
            raise
        except Exception as exc:
            logger().error("unexpected", seconds=_since(started), error=type(exc).__name__, exc_info=True)
            raise InternalError(request_id) from exc
        logger().info("done", seconds=_since(started))


def _since(started: float) -> float:
    return round(time.monotonic() - started, 4)
