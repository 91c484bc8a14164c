"""`zava stats`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.output.console import print_result
from zava_cli.commands.output.formats import Format, default_format
from zava_cli.commands.query import FormatOption, JsonOption
from zava_cli.infra.errors import AuthorizationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_cli.models.query import QueryResult
    from zava_cli.models.stats import Performance, PerformanceSummary

COUNTS = ("count", "failed", "slow", "rows")
TIMES = ("avg", "min", "p50", "p95", "p99", "max", "waited", "waited_max")
TABLE_TIMES = ("avg", "p50", "p95", "p99", "max", "waited")
"""What a table of operations has room for."""
NARROW_COUNTS = ("count", "slow")
NARROW_TIMES = ("avg", "p50", "p95", "max")
"""What a table of statements shows, which would have no room for them otherwise."""


def stats(
    url: Annotated[
        str | None, typer.Option("--url", help="Where the server is.", show_default="as the settings say")
    ] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the server's token from stdin.")] = False,
    queries: Annotated[bool, typer.Option("--queries", help="Statement by statement, values left out.")] = False,
    format: FormatOption = None,
    json: JsonOption = False,
) -> None:
    """Show how long a running server takes, operation by operation.

    The setting metrics_token goes to servers of this machine and to http_public_url, and to no other host; for those
    a terminal asks, or --token-stdin reads it.

    Example: zava stats --url http://127.0.0.1:8000

    Example: zava stats --url https://zava.example --token-stdin < token.txt

    Example: zava stats --queries --json
    """
    summary = _summary(url, token_stdin=token_stdin)
    chosen = Format.JSON if json else format or default_format()
    is_table = chosen is Format.TABLE
    for note in print_result((_queries if queries else _operations)(summary, is_table), chosen):
        diagnostics.note(note)
    several = f" in {summary.processes} processes" if summary.processes > 1 else ""
    diagnostics.note(
        f"Since {summary.since:%Y-%m-%d %H:%M:%S} UTC{several}; times in milliseconds, waiting for a connection apart."
    )
    if queries and summary.forgotten:
        diagnostics.note(f"{summary.forgotten} statements gave way to more recent ones.")


def _summary(url: str | None, *, token_stdin: bool) -> PerformanceSummary:
    from zava_cli.services.stats import belongs_to, fetch_summary, given_token, own_url

    settings = runtime.settings()
    address = url or own_url(settings)
    if token_stdin:
        return fetch_summary(address, given_token(sys.stdin.readline()))
    # Whoever is at another address must not get what opens the server of these settings.
    token = settings.metrics_token if belongs_to(settings, address) else None
    try:
        return fetch_summary(address, token)
    except AuthorizationError:
        if token is not None or not sys.stdin.isatty():
            raise
    given: str = typer.prompt(f"Token of the server at {address}", hide_input=True, err=True)
    return fetch_summary(address, given_token(given))


def _operations(summary: PerformanceSummary, is_table: bool) -> QueryResult:
    labels = [{"operation": one.operation} for one in summary.operations]
    return _result(("operation", *COUNTS, *(TABLE_TIMES if is_table else TIMES)), labels, summary.operations, is_table)


def _queries(summary: PerformanceSummary, is_table: bool) -> QueryResult:
    labels = [{"fingerprint": one.fingerprint, "query": one.query} for one in summary.queries]
    numbers = (*NARROW_COUNTS, *NARROW_TIMES) if is_table else ("fingerprint", *COUNTS, *TIMES)
    return _result((*numbers, "query"), labels, summary.queries, is_table)


def _result(
    names: Sequence[str], labels: Sequence[dict[str, str]], performances: Sequence[Performance], is_table: bool
) -> QueryResult:
    from zava_cli.models.query import Column, QueryResult

    # Beside a table stands that times are milliseconds.
    unit = "" if is_table else "_ms"
    types: dict[str, str] = {**dict.fromkeys(COUNTS, "int8"), **dict.fromkeys(TIMES, "float8")}
    return QueryResult(
        columns=[Column(name + unit if name in TIMES else name, types.get(name, "text")) for name in names],
        rows=[
            tuple(label[name] if name in label else _number(one, name) for name in names)
            for label, one in zip(labels, performances, strict=True)
        ],
        truncated=False,
        elapsed=0,
    )


def _number(performance: Performance, name: str) -> str | None:
    value: float | None = getattr(performance, name)
    if name in COUNTS:
        return str(value)
    return None if value is None else f"{value * 1000:.1f}"
