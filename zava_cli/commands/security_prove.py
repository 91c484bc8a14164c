"""`zava security prove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.exit_codes import ExitCode
from zava_cli.commands.options import JsonOption, named_format
from zava_cli.commands.output.console import print_json, print_line, print_table

if TYPE_CHECKING:
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.models.prove import ProofReport, ProveRequest


def prove(
    pairs: Annotated[int, typer.Option("--pairs", min=1, max=20, help="Most pairs of attacker and victim.")] = 3,
    manager: Annotated[
        list[str] | None,
        typer.Option("--manager", metavar="WHO", help="Further manager to take part, a regional one say; repeatable."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One attack in three, for the first pair.")] = False,
    format: Annotated[
        Literal["table", "json"] | None, typer.Option("--format", help="table or json.", show_default="table")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Attack your own database in every way and compare with the truth; exit 1 when a wall fails.

    Nothing is written: what would write is harmless where it succeeds, and the data is compared afterwards.
    It needs the key of head office (or of several managers) and no administrator; --as names the first attacker.

    Example: zava security prove --as seattle
    """
    from zava_cli.models.prove import ProveRequest

    asked = named_format(format, {"json": json})
    request = ProveRequest(pairs=pairs, managers=tuple(manager or ()), quick=quick)
    report = _proof(request)
    if asked == "json":
        print_json(report)
    else:
        _show(report)
    if not report.proven:
        raise typer.Exit(ExitCode.FAILURE)


def _proof(request: ProveRequest) -> ProofReport:
    from zava_cli.server.prove_ways import McpHttp, McpStdio
    from zava_cli.services.prove.prove import prove_security
    from zava_cli.services.prove.ways import CommandLine, Terminal

    with diagnostics.progress() as on_progress:

        async def work(provider: PostgreSQLProvider) -> ProofReport:
            settings = runtime.settings()
            async with McpHttp(provider.target) as http:
                ways = [Terminal(provider), CommandLine(settings), McpStdio(settings), http]
                return await prove_security(provider, settings.identity, request, ways, on_progress)

        return runtime.gateway(work)


def _show(report: ProofReport) -> None:
    print_table(
        ["wall", "way in", "tried", "held", "failed", "not tried"],
        [(s.wall.value, s.way, s.tried, s.held, s.failed, s.not_tried) for s in report.scores],
    )
    if report.breaches:
        print_table(
            ["wall that failed", "way in", "attacker", "attack", "SQL", "what came of it"],
            [(b.wall.value, b.way, b.attacker, b.attack, b.sql, b.leak) for b in report.breaches],
        )
    for gap in report.gaps:
        diagnostics.note(f"Not tried, {gap.wall} by {gap.way}: {gap.attacks} because {gap.reason}.")
    for wall in report.missing:
        diagnostics.note(f"Not offered here, {wall.wall}: {wall.missing}. {wall.remains}")
    tried = sum(score.tried for score in report.scores)
    print_line(f"{tried} attacks in {report.seconds:.0f} s, {'; '.join(dict.fromkeys(report.pairs))}.")
    print_line("Proven: every wall held." if report.proven else "NOT PROVEN.")
