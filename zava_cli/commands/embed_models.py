"""`zava embed status`, `switch`, `drop` and `check`: the models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.embed import embed_app
from zava_cli.commands.output.console import print_json, print_line, print_table
from zava_cli.commands.shell import ZavaCommand

if TYPE_CHECKING:
    from zava_cli.data.target import Target
    from zava_cli.models.embed import EmbedStatus

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@embed_app.command(cls=ZavaCommand)
def status(as_json: JsonOption = False) -> None:
    """Show how each model's vectors compare with the catalogue, and what waits in the queue.

    Example: zava embed status
    """

    async def work(target: Target) -> EmbedStatus:
        from zava_cli.services.embed_models import embed_status

        return await embed_status(target)

    found = runtime.administrator(work)
    if as_json:
        print_json(found)
        return
    if not found.models:
        print_line(f"None of {found.products} products is embedded yet; run zava embed.")
        return
    columns = ["model", "active", "dimensions", "embedded", "missing", "stale", "waiting", "failed", "oldest"]
    print_table(
        columns,
        [
            (
                row.model, row.active, row.dimensions, row.embedded, row.missing, row.stale, row.waiting, row.failed,
                row.oldest.isoformat(" ", "seconds") if row.oldest else None,
            )
            for row in found.models
        ],
    )  # fmt: skip
    for row in found.models:
        if row.failure:
            diagnostics.note(f"{row.model}: {row.failure}")


@embed_app.command(cls=ZavaCommand)
def drop(model: Annotated[str, typer.Argument(help="Its name in embed status.")]) -> None:
    """Remove a model that search does not use, with its vectors and index.

    Example: zava embed drop text-embedding-3-small
    """

    async def work(target: Target) -> int:
        from zava_cli.services.embed_models import drop_model

        return await drop_model(target, model)

    print_line(f"Dropped {model} with {runtime.administrator(work)} vectors.")
