"""`zava stats`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.output.console import print_result
from zava_cli.commands.output.formats import default_format
from zava_cli.commands.query import FormatOption
from zava_cli.infra.errors import AuthorizationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_cli.models.query import QueryResult
    from zava_cli.models.stats import Performance, PerformanceSummary

COUNTS = ("count", "failed", "slow", "rows")
TIMES = ("avg", "min", "p50", "p95", "p99", "max")


def stats(
    url: Annotated[
        str | None, typer.Option("--url", help="Where the server is.", show_default="as the settings say")
    ] = None,
    queries: Annotated[bool, typer.Option("--queries", help="Statement by statement, values left out.")] = False,
    format: FormatOption = None,
) -> None:
    """Show how long a running server takes, operation by operation.

    The token comes from the setting metrics_token, or is asked for.

    Example: zava stats --url http://127.0.0.1:8000
    Example: zava stats --queries --format json
    """
    summary = _summary(url)
    for note in print_result(_queries(summary) if queries else _operations(summary), format or default_format()):
        diagnostics.note(note)
    several = f" in {summary.processes} processes" if summary.processes > 1 else ""
    diagnostics.note(f"Since {summary.since:%Y-%m-%d %H:%M:%S} UTC{several}; times in milliseconds.")
    if queries and summary.forgotten:
        diagnostics.note(f"{summary.forgotten} statements gave way to more recent ones.")


def _summary(url: str | None) -> PerformanceSummary:
    from pydantic import SecretStr

    from zava_cli.services.stats import fetch_summary, own_url

    settings = runtime.settings()
    address = url or own_url(settings)
    try:
        return fetch_summary(address, settings.metrics_token)
    except AuthorizationError:
        if settings.metrics_token is not None or not sys.stdin.isatty():
            raise
    given: str = typer.prompt("Token", hide_input=True, err=True)
    return fetch_summary(address, SecretStr(given))


def _operations(summary: PerformanceSummary) -> QueryResult:
    return _result(("operation",), [(one.operation,) for one in summary.operations], summary.operations)


def _queries(summary: PerformanceSummary) -> QueryResult:
    return _result(("fingerprint", "query"), [(one.fingerprint, one.query) for one in summary.queries], summary.queries)


def _result(
    names: tuple[str, ...], texts: Sequence[tuple[str, ...]], performances: Sequence[Performance]
) -> QueryResult:
    from zava_cli.models.query import Column, QueryResult

    first, *last = names
    return QueryResult(
        columns=[
            Column(first, "text"),
            *(Column(name, "int8") for name in COUNTS),
            *(Column(f"{name}_ms", "float8") for name in TIMES),
            *(Column(name, "text") for name in last),
        ],
        rows=[
            (first, *(str(getattr(one, name)) for name in COUNTS), *(_milliseconds(one, name) for name in TIMES), *last)
            for (first, *last), one in zip(texts, performances, strict=True)
        ],
        truncated=False,
        elapsed=0,
    )


def _milliseconds(performance: Performance, name: str) -> str | None:
    seconds: float | None = getattr(performance, name)
    return None if seconds is None else f"{seconds * 1000:.2f}"
