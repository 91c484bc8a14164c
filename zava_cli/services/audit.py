"""Shows the audit log to the administrator, and bounds it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime

from zava_cli.data import audit as data
from zava_cli.data.admin import admin_connection
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.models.audit import COLUMNS, AuditRequest
from zava_cli.models.query import QueryStream
from zava_cli.services.periods import parse_period


@asynccontextmanager
async def open_audit(target: Target, request: AuditRequest) -> AsyncGenerator[QueryStream]:
    """The records as they arrive, with times in the business time zone.

    Raises ValidationError for a time that cannot be read and ConfigurationError where there is no log.
    """
    async with data.reading(target) as connection:
        now = await data.local_time(connection)
        pages = data.operations(
            connection,
            _moment("since", request.since, now), _moment("until", request.until, now),
            request.who, request.operation, request.outcome, request.way, request.request_id, request.limit,
        )  # fmt: skip
        yield QueryStream(columns=COLUMNS, batches=pages)


async def prune_audit(target: Target, keep_months: int | None) -> list[str]:
    """Drops the months that are older than that, or than the setting; returns what was done."""
    async with admin_connection(target) as connection:
        return await data.maintain(connection, target, keep_months or target.settings.audit_keep_months)


def _moment(field: str, text: str | None, now: datetime) -> datetime | None:
    """The local time that `since` begins with or `until` ends before; a period counts whole."""
    if text is None:
        return None
    if "T" in text.upper() or ":" in text:
        try:
            return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
        except ValueError:
            pass
    try:
        span = parse_period(text, now).current
    except ValidationError as error:
        raise ValidationError(field, text, error.constraint, hint=f"{error.hint} Or 2025-03-09T14:30.") from None
    return span.start if field == "since" else span.end
