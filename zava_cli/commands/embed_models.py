"""`zava embed status`, `switch`, `drop` and `check`: the models side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.embed import embed_app
from zava_cli.commands.exit_codes import ExitCode
from zava_cli.commands.options import JsonOption
from zava_cli.commands.output.console import print_json, print_line, print_table
from zava_cli.commands.shell import ZavaCommand
from zava_cli.infra.errors import ValidationError

if TYPE_CHECKING:
    from zava_cli.models.embed import ModelStatus
    from zava_cli.models.embed_check import CheckReport


@embed_app.command(cls=ZavaCommand)
def status(as_json: JsonOption = False) -> None:
    """Show how each model's vectors compare with the catalogue, and what waits in the queue.

    Example: zava embed status
    """
    from zava_cli.services.embed_models import LACKING, embed_status

    found = runtime.administrator(embed_status)
    if as_json:
        print_json(found)
        return
    if not found.models:
        print_line(f"None of {found.products} products is embedded yet; run zava embed.")
        return
    columns = ["model", "active", "size", "embedded", "missing", "stale", "waiting", "failed", "oldest", "index"]
    print_table(
        columns,
        [
            (
                row.model, row.active, row.dimensions, row.embedded, row.missing, row.stale, row.waiting, row.failed,
                row.oldest.isoformat(" ", "seconds") if row.oldest else None, _index(row),
            )
            for row in found.models
        ],
    )  # fmt: skip
    for row in found.models:
        if row.failure:
            diagnostics.note(f"{row.model}: {row.failure}")
        if row.index in LACKING:
            note_no_index(row.model, row.embedded)


def _index(row: ModelStatus) -> str:
    if row.index_progress is not None:
        return f"{row.index} ({row.index_progress:.0%})"
    return f"{row.index} ({row.index_bytes / (1 << 20):,.0f} MB)" if row.index_bytes else row.index


def note_no_index(model: str, vectors: int) -> None:
    """Says what search does without a model's index, and what builds it."""
    from zava_cli.services.embed_models import NO_INDEX, NO_INDEX_FIX

    diagnostics.note(f"{model} has {vectors:,} vectors; {NO_INDEX}. {NO_INDEX_FIX}")


@embed_app.command(cls=ZavaCommand)
def drop(model: Annotated[str, typer.Argument(help="Its name in embed status.")]) -> None:
    """Remove a model that search does not use, with its vectors and index.

    Example: zava embed drop text-embedding-3-small
    """
    from zava_cli.services.embed_models import drop_model

    vectors = runtime.administrator(lambda target: drop_model(target, model))
    print_line(f"Dropped {model} with {vectors} vectors.")


@embed_app.command(cls=ZavaCommand)
def switch(
    model: Annotated[str, typer.Argument(help="Its name in embed status.")],
    force: Annotated[bool, typer.Option("--force", help="Also to one that is incomplete or worse.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let search use another model, once it is found complete and no worse than the present one.

    Example: zava embed switch text-embedding-3-small
    """
    from zava_cli.services.embed_check import switch_model

    with diagnostics.progress() as on_progress:
        report = runtime.administrator(lambda target: switch_model(target, model, force=force, on_progress=on_progress))
    if as_json:
        print_json(report)
        return
    print_line(f"Search uses {report.model} {'now' if report.switched else 'already'}; {_figures(report.check)}.")
    for problem in report.check.problems:
        diagnostics.note(f"Forced, though {problem}.")


@embed_app.command(cls=ZavaCommand)
def check(
    model: Annotated[
        str | None, typer.Argument(help="Its name in embed status.", show_default="the one that search uses")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Compare the next check with this one, whatever it finds.")
    ] = False,
    queries: Annotated[
        Path | None,
        typer.Option("--queries", exists=True, dir_okay=False, metavar="FILE",
                     help="Golden queries of your own from now on: query, tab, SKU to be found among five."),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Ask a model the golden queries and compare with exact search and its last check; exit code 1 when it drifted.

    Example: zava embed check --json
    """
    from zava_cli.services.embed_check import check_model

    text = None if queries is None else _text_of(queries)
    with diagnostics.progress() as on_progress:
        report = runtime.administrator(
            lambda target: check_model(target, model, accept=accept, queries=text, on_progress=on_progress)
        )
    if as_json:
        print_json(report)
    else:
        print_line(f"{report.model}: {_figures(report)}.")
    for problem in report.problems:
        diagnostics.note(f"Drift: {problem}.")
    if report.problems and not accept:
        raise typer.Exit(ExitCode.FAILURE)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError("queries", str(file), "it is not UTF-8 text") from None
    except OSError as exc:
        raise ValidationError("queries", str(file), exc.strerror or "it cannot be read") from None


def _figures(report: CheckReport) -> str:
    again = "" if report.agreement is None else f", {report.agreement:.0%} as at the last check"
    return f"recall {report.recall:.1%}, {report.hits:.0%} of {report.queries} golden queries answered well{again}"
