"""`zava stats`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.options import FormatOption, JsonOption, named_format
from zava_cli.commands.output.console import print_rows
from zava_cli.commands.output.formats import Format, default_format
from zava_cli.infra.errors import AuthorizationError

if TYPE_CHECKING:
    from zava_cli.models.query import Row
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
    chosen = named_format(format, {Format.JSON: json}) or default_format()
    summary = _summary(url, token_stdin=token_stdin)
    for note in print_rows(*_columns_and_rows(summary, queries=queries, is_table=chosen is Format.TABLE), chosen):
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


def _columns_and_rows(
    summary: PerformanceSummary, *, queries: bool, is_table: bool
) -> tuple[dict[str, str], list[Row]]:
    if queries:
        names = (*NARROW_COUNTS, *NARROW_TIMES, "query") if is_table else ("fingerprint", *COUNTS, *TIMES, "query")
    else:
        names = ("operation", *COUNTS, *(TABLE_TIMES if is_table else TIMES))
    # Beside a table stands that times are milliseconds.
    unit = "" if is_table else "_ms"
    types = {**dict.fromkeys(COUNTS, "int8"), **dict.fromkeys(TIMES, "float8")}
    columns = {name + unit if name in TIMES else name: types.get(name, "text") for name in names}
    performances = summary.queries if queries else summary.operations
    return columns, [tuple(_text(one, name) for name in names) for one in performances]


def _text(performance: Performance, name: str) -> str | None:
    value: Any = getattr(performance, name)
    if name in TIMES:
        return None if value is None else f"{value * 1000:.1f}"
    return str(value)
