"""`zava embed`: vectors for search by meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.exit_codes import ExitCode
from zava_cli.commands.options import JsonOption
from zava_cli.commands.output.console import print_json, print_line
from zava_cli.commands.shell import ZavaGroup, setting_callback

if TYPE_CHECKING:
    from zava_cli.infra.errors import MCPError
    from zava_cli.models.embed import DrainReport, EmbedEstimate, EmbedReport, EmbedRequest

embed_app = typer.Typer(cls=ZavaGroup, invoke_without_command=True)

Provider = Annotated[
    str | None,
    typer.Option("--provider", help="local, onnx or openai.", callback=setting_callback("embedding_provider")),
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Model to build; search goes on with the present one until embed switch.",
                 callback=setting_callback("embedding_model")),
]  # fmt: skip
Dimensions = Annotated[
    int | None,
    typer.Option("--dimensions", min=64, max=3072, help="Length of vectors to ask for.",
                 callback=setting_callback("embedding_dimensions")),
]  # fmt: skip


@embed_app.callback()
def embed(
    ctx: typer.Context,
    all: Annotated[bool, typer.Option("--all", help="Every product again, not only new and changed ones.")] = False,
    batch: Annotated[
        int,
        typer.Option(
            "--batch", min=1, max=10_000, help="Products per transaction; finished ones survive an interrupt."
        ),
    ] = 8_000,
    once: Annotated[bool, typer.Option("--once", help="Only what was noted as changed, then end.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="The same, and go on with what changes from now on.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --once: also what was given up after too many tries.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many tokens it would take at what cost; call nobody.")
    ] = False,
    provider: Provider = None,
    model: Model = None,
    dimensions: Dimensions = None,
    json: JsonOption = False,
) -> None:
    """Make the catalogue searchable by meaning; safe to interrupt and repeat.

    Example: zava embed --watch
    """
    if ctx.invoked_subcommand is not None:
        return
    from zava_cli.models.embed import EmbedRequest

    if sum((once, watch, all or dry_run)) > 1 or (retry_failed and not once):
        raise typer.BadParameter("--once and --watch go alone; --retry-failed needs --once.")
    request = EmbedRequest(all=all, batch=batch)
    if watch:
        _watch(request)
    elif once:
        _drain(request, retry_failed=retry_failed, as_json=json)
    elif dry_run:
        _estimate(request, as_json=json)
    else:
        _run(request, as_json=json)


def _run(request: EmbedRequest, *, as_json: bool) -> None:
    from zava_cli.services.embed import embed_products

    with diagnostics.progress() as on_progress:
        report = runtime.administrator(lambda target: embed_products(target, request, on_progress))
    _tell(report, _sentence(report), as_json=as_json)


def _drain(request: EmbedRequest, *, retry_failed: bool, as_json: bool) -> None:
    from zava_cli.services.embed_queue import drain_queue

    with diagnostics.progress() as on_progress:
        report = runtime.administrator(
            lambda target: drain_queue(target, request, retry_failed=retry_failed, on_progress=on_progress)
        )
    _tell(report, f"Embedded {report.embedded} changed products with {report.model}.", as_json=as_json)


def _estimate(request: EmbedRequest, *, as_json: bool) -> None:
    from zava_cli.services.embed_estimate import estimate_embedding

    estimate = runtime.administrator(lambda target: estimate_embedding(target, request))
    if as_json:
        print_json(estimate)
        return
    print_line(
        f"{estimate.products:,} products to embed with {estimate.model}: about {estimate.tokens:,} tokens"
        f"{_bounds(estimate)}. Nobody was called."
    )


def _bounds(estimate: EmbedEstimate) -> str:
    tokens = f" ({estimate.least_tokens:,} to {estimate.most_tokens:,} if the texts are English)"
    if estimate.provider != "openai":
        return f"{tokens}, which cost nothing"
    if estimate.cost is None or estimate.most_cost is None:
        return f"{tokens} at an unknown price (ZAVA_EMBEDDING_PRICE)"
    return f"{tokens} at a cost of {_money(estimate.cost)}, at most {_money(estimate.most_cost)}"


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.4f}"


def _watch(request: EmbedRequest) -> None:
    from zava_cli.services.embed_queue import watch_queue

    def on_trouble(error: MCPError) -> None:
        diagnostics.note(f"{error.message} Trying again.")

    def on_progress(what: str, done: int, total: int | None) -> None:
        diagnostics.note(f"{what}: {done} products")

    diagnostics.note("Embedding what changes; Ctrl+C ends it.")
    runtime.administrator(lambda target: watch_queue(target, request, on_trouble, on_progress))


def _tell(report: EmbedReport | DrainReport, sentence: str, *, as_json: bool) -> None:
    """Says too which products are without a vector of today's text; the command fails where there could be one."""
    if as_json:
        print_json(report)
    else:
        print_line(sentence)
    if report.skipped:
        diagnostics.note(f"{report.skipped} products have no text that the model knows; they are found by keyword.")
    for refusal in report.refused:
        diagnostics.note(f"Refused: {refusal.sku}, {refusal.name}. {refusal.reason}")
    if report.put_off:
        diagnostics.note(
            f"{report.put_off} products were refused, {report.given_up} of them for the last time: zava embed status."
        )
        raise typer.Exit(ExitCode.FAILURE)


def _sentence(report: EmbedReport) -> str:
    if not report.products:
        return "There are no products to embed yet."
    parts = [f"Embedded {report.embedded} products with {report.model} in {report.seconds:.1f} s"]
    if report.unchanged:
        parts.append(f"{report.unchanged} were up to date")
    if report.indexed:
        parts.append(f"index built in {report.index_seconds:.1f} s and {report.index_memory >> 20:,} MB of memory")
    if report.activated:
        parts.append("search uses this model now")
    return "; ".join(parts) + "."
