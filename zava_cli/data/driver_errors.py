"""The one place where asyncpg's errors become zava's."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import overload

import asyncpg

from zava_cli.infra.errors import (
    AuthorizationError,
    ConfigurationError,
    ContextRefusedError,
    DatabaseError,
    DatabaseUnavailableError,
    DatabaseUnusableError,
    MCPError,
    QueryTimeoutError,
)

MOST_CHARACTERS = 2_000
"""Of a server's message, which may quote a value of any length."""

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # What the driver makes of a connection that breaks between two of its steps.
    asyncpg.InternalClientError,
    OSError,
    asyncio.IncompleteReadError,
)

_NOT_SET_UP = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidSchemaNameError,
)

# Only zava itself names statements: what became of them is a pooler's doing.
_POOLED_STATEMENTS = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)

_NOT_THERE = (asyncpg.UndefinedFunctionError, asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)

_PASSING = (
    asyncpg.DeadlockDetectedError,
    # Also what a standby says when it had to cancel a query in order to keep up.
    asyncpg.SerializationError,
)

_GONE = ("connection is closed", "pool is closed", "pool is closing")
"""How asyncpg's InterfaceError ends where a connection went away."""
_RELEASED = "been released back to the pool"
_LOGIN = "authentication"
"""It is in whatever the driver says of a login that it cannot do, or of a server that cannot prove who it is."""

_OF_THE_CONTEXT = "the security context "
"""How `security.context_manager` begins what it raises."""
_POOLED = ("another connection", "malformed")
"""How it ends where a pooler stands between: what that gives for the backend's number may even be negative."""


@contextmanager
def translated(query: str | None = None, *, holds: bool = False) -> Generator[None]:
    """Turns a driver error in the block into one of the family; `query` is the text that a person wrote.

    With `holds` the block has a connection of a pool to its end: one that counts as released was lost meanwhile.
    A wrong use of the driver passes through, as any other mistake of ours does.
    """
    try:
        yield
    except MCPError:
        raise
    except asyncpg.InterfaceError as exc:
        if is_misuse(exc, holds=holds):
            raise
        raise translate(exc, query) from exc
    except (asyncpg.PostgresError, *_UNAVAILABLE) as exc:
        raise translate(exc, query) from exc


def is_misuse(exc: BaseException, *, holds: bool = False) -> bool:
    """Whether the driver complains of how it is used; it has one class for that and for connections that went away."""
    if not isinstance(exc, asyncpg.InterfaceError) or isinstance(exc, asyncpg.ClientConfigurationError):
        return False
    said = str(exc)
    return not (said.endswith(_GONE) or _LOGIN in said.lower() or (holds and _RELEASED in said))


def translate(exc: BaseException, query: str | None) -> MCPError:
    """The family's error for a driver error."""
    if isinstance(exc, asyncpg.QueryCanceledError):
        return QueryTimeoutError(
            "The query ran past its time limit and was cancelled.", query,
            hint="Narrow it (a period, a store, LIMIT), or allow more with --timeout.", sqlstate="57014",
        )  # fmt: skip
    if (unusable := _unusable(exc, query)) is not None:
        return unusable
    if isinstance(exc, asyncpg.ClientConfigurationError):
        return ConfigurationError(f"The database URL cannot be used: {exc}", hint="Check ZAVA_DATABASE_URL.")
    if isinstance(exc, (asyncpg.InterfaceError, *_UNAVAILABLE)):
        return DatabaseUnavailableError(
            f"PostgreSQL cannot be reached: {_plain(exc)}", query, hint="Try again; `zava health` tells more."
        )
    if isinstance(exc, asyncpg.InsufficientPrivilegeError) and str(exc).startswith(_OF_THE_CONTEXT):
        hint = "Behind a pooler run `zava security bind-backend off`." if str(exc).endswith(_POOLED) else None
        return ContextRefusedError(f"Not allowed: {exc}", hint=hint)
    if isinstance(exc, asyncpg.InsufficientPrivilegeError):
        return AuthorizationError(f"Not allowed: {exc}", hint=_missing_power(str(exc), query))
    if isinstance(exc, asyncpg.PostgresError):
        return _server_error(exc, query)
    return DatabaseError("The database driver failed.", query)


def _missing_power(said: str, query: str | None) -> str | None:
    """What the administrator has to do where a login of zava's own may not do its work."""
    if 'extension "vector"' in said:
        return "Have a superuser run CREATE EXTENSION vector in this database first."
    if query is None and said.endswith("schema security"):
        return "ZAVA_DATABASE_URL must log in as the gateway role that `zava db migrate` made."
    return None


def _unusable(exc: BaseException, query: str | None) -> DatabaseUnusableError | None:
    """The error where somebody has to set something up first."""
    if isinstance(exc, asyncpg.InvalidCatalogNameError):
        return DatabaseUnusableError(
            f"The {exc}.", hint="`zava db migrate` makes an embedded one; or check ZAVA_DATABASE_URL and --profile."
        )
    # In a text that a person wrote it is they who name a schema that is not there.
    if isinstance(exc, _NOT_SET_UP) and (query is None or not isinstance(exc, asyncpg.InvalidSchemaNameError)):
        return DatabaseUnusableError(
            "This database is not set up, or did not accept the login.",
            hint="A new one needs `zava db migrate`; otherwise check user and password in ZAVA_DATABASE_URL.",
        )
    if isinstance(exc, _NOT_THERE) and query is None:
        return DatabaseUnusableError(
            "This database does not have what this zava needs.",
            hint="Run `zava db migrate`; when there is nothing to apply, the database is newer: upgrade zava.",
        )
    if isinstance(exc, _POOLED_STATEMENTS):
        return DatabaseUnusableError(
            "A pooler between zava and PostgreSQL does not keep prepared statements.",
            hint="Set ZAVA_PREPARED_STATEMENTS=false, and run `zava security bind-backend off` once.",
        )
    if isinstance(exc, (asyncpg.InterfaceError, asyncpg.InternalClientError)) and _LOGIN in str(exc).lower():
        return DatabaseUnusableError(
            f"No login to this database: {exc}.", hint="Have it accept scram-sha-256 for this login, in pg_hba.conf."
        )
    return None


def _server_error(exc: asyncpg.PostgresError, query: str | None) -> DatabaseError:
    fields = exc.as_dict()
    position = fields.get("position")
    # A position inside a function's own text says nothing about what the caller wrote.
    usable = position is not None and fields.get("internal_query") is None
    error = DatabaseError(
        _short(str(fields.get("message") or exc)),
        query,
        hint=_short(fields.get("hint")),
        detail=_short(fields.get("detail")),
        position=int(position) if usable and position else None,
        sqlstate=exc.sqlstate,
    )
    if isinstance(exc, _PASSING):
        error.retry_after = 0.0
    return error


@overload
def _short(text: str) -> str: ...
@overload
def _short(text: str | None) -> str | None: ...
def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def _plain(exc: BaseException) -> str:
    """The reason without host names or paths that an operating-system error carries."""
    if isinstance(exc, TimeoutError) and exc.errno is None:
        return "it did not answer in time"
    if isinstance(exc, OSError):
        return exc.strerror or type(exc).__name__
    if type(exc) is asyncpg.InternalClientError:
        return "the connection broke"
    return str(exc) or type(exc).__name__
