"""The one error family of zava. It knows nothing of exit codes, MCP or the driver: each front maps it."""

from __future__ import annotations

import math
from typing import Any


class MCPError(Exception):
    """Base of every error that zava reports on purpose.

    `message` is for the person or agent who asked and never holds a DSN, key, token or parameter value;
    `hint` says the way out. `error_code` is stable and machine-readable. `retry_after` says in how many seconds
    the same request may succeed; None means that it would fail again.
    """

    error_code = "MCP_ERROR"
    retry_after: float | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InternalError(MCPError):
    """Something that zava did not foresee; the details are in the log under `reference`."""

    error_code = "INTERNAL_ERROR"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"Something unexpected went wrong (reference {reference}).",
            hint="The details are in the log; run again with --log-level debug to see them.",
        )
        self.reference = reference


class ConfigurationError(MCPError):
    """A setting, profile or file that zava was given cannot be used."""

    error_code = "CONFIGURATION_ERROR"


class DatabaseError(MCPError):
    """PostgreSQL refused or failed a statement.

    `position` is the 1-based character in `query` that the server points at, `sqlstate` its five-letter code.
    """

    error_code = "DATABASE_ERROR"

    def __init__(
        self,
        message: str,
        query: str | None = None,
        *,
        hint: str | None = None,
        detail: str | None = None,
        position: int | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.query = query
        self.detail = detail
        self.position = position
        self.sqlstate = sqlstate


class QueryTimeoutError(DatabaseError):
    """A statement ran past its deadline and was cancelled in the server."""

    error_code = "QUERY_TIMEOUT"


class DatabaseUnavailableError(DatabaseError):
    """No connection could be had, or it broke; trying again may help."""

    error_code = "DATABASE_UNAVAILABLE"
    retry_after = 1.0


class DatabaseBusyError(DatabaseUnavailableError):
    """Everybody's requests together kept every connection for as long as one waits for one."""

    error_code = "DATABASE_BUSY"


class ShareBusyError(DatabaseBusyError):
    """A manager's own requests kept what one manager may have for as long as one waits for a connection."""

    error_code = "SHARE_BUSY"


class DatabaseUnusableError(DatabaseUnavailableError):
    """No connection can be had until somebody has done what the hint says."""

    retry_after = None


class QueryRefusedError(DatabaseError):
    """The guard refused a statement before it reached the server; `construct` names what it found."""

    error_code = "QUERY_REFUSED"

    def __init__(
        self, message: str, construct: str, query: str | None = None, *, hint: str, position: int | None = None
    ) -> None:
        super().__init__(message, query, hint=hint, position=position)
        self.construct = construct


class AuthorizationError(MCPError):
    """The caller may not do or see this. The text never tells whether the thing exists."""

    error_code = "AUTHORIZATION_ERROR"

    def __init__(self, message: str, user_id: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.user_id = user_id


class ContextRefusedError(AuthorizationError):
    """PostgreSQL refused the signed context: it is forged, altered, expired or of another connection."""


class RateLimitedError(MCPError):
    """One identity asked more often than it may; nothing was done, and waiting `seconds` helps."""

    error_code = "RATE_LIMITED"

    def __init__(self, seconds: float = 1.0) -> None:
        wait = "a second" if seconds == 1 else f"{seconds:g} seconds"
        super().__init__("Too many requests.", hint=f"Wait {wait}, then try again; ask for more in one query.")
        self.retry_after = seconds


class CallerLeftError(MCPError):
    """The caller closed the connection before the answer was there; the work was cancelled."""

    error_code = "CALLER_LEFT"

    def __init__(self) -> None:
        super().__init__("The caller left before the answer was there.")


class ServerUnavailableError(MCPError):
    """No zava server answers where one was expected; trying again may help."""

    error_code = "SERVER_UNAVAILABLE"
    retry_after = 2.0


class ValidationError(MCPError):
    """A value that the caller gave breaks `constraint`; nothing was done."""

    error_code = "VALIDATION_ERROR"

    def __init__(self, field: str, value: Any, constraint: str, *, hint: str | None = None) -> None:
        super().__init__(f"{field}: {constraint}", hint=hint)
        self.field = field
        self.value = value
        self.constraint = constraint


class EmbeddingError(MCPError):
    """The embedding provider is missing, refused or answered nonsense; nothing was written."""

    error_code = "EMBEDDING_ERROR"


class EmbeddingRefusedError(EmbeddingError):
    """The provider refused these very texts or answered nonsense for them; others may go well."""


class EmbeddingSetupError(EmbeddingError):
    """The provider cannot work as it is set up, whatever the text: a wrong key, model or size."""


class EmbeddingUnavailableError(EmbeddingError):
    """The embedding provider is away, overloaded or too slow; `wanted_wait` is what it asks for, in seconds."""

    def __init__(self, message: str, *, hint: str | None = None, wanted_wait: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.wanted_wait = wanted_wait
        self.retry_after = 5.0 if wanted_wait is None else math.ceil(wanted_wait)
