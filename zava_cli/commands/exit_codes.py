"""The exit codes of zava: a contract with scripts, and the source of the table in the README."""

from __future__ import annotations

from enum import IntEnum

from zava_cli.infra.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    DatabaseUnusableError,
    MCPError,
    QueryTimeoutError,
    ServerUnavailableError,
    ValidationError,
)


class ExitCode(IntEnum):
    """What a command's end means; `description` is the sentence that the README shows."""

    description: str

    OK = 0, "done"
    FAILURE = 1, "refused, failed or unhealthy"
    USAGE = 2, "a mistake in the command line or the configuration"
    UNAVAILABLE = 3, "no connection to the database or the server; worth a retry"
    TIMEOUT = 4, "the query ran past its deadline and was cancelled"
    INTERRUPTED = 130, "interrupted with Ctrl+C"
    TERMINATED = 143, "ended by SIGTERM or SIGHUP"

    def __new__(cls, value: int, description: str) -> ExitCode:
        member = int.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member


def exit_code_for(error: MCPError) -> ExitCode:
    """The exit code that tells a script what kind of error this was."""
    match error:
        case ConfigurationError() | ValidationError() | DatabaseUnusableError():
            return ExitCode.USAGE
        case DatabaseUnavailableError() | ServerUnavailableError():
            return ExitCode.UNAVAILABLE
        case QueryTimeoutError():
            return ExitCode.TIMEOUT
        case _:
            return ExitCode.FAILURE
