"""`zava seed`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.output.console import print_json, print_key_values, print_line
from zava_cli.infra.errors import ConfigurationError

if TYPE_CHECKING:
    from zava_cli.models.seed import SeedReport, SeedRequest


def seed(
    seed: Annotated[int, typer.Option("--seed", help="Number that all draws start from.")] = 42,
    until: Annotated[
        str | None, typer.Option("--until", help="First day without orders; today if left out.", metavar="DATE")
    ] = None,
    customers: Annotated[int | None, typer.Option("--customers", help="Number of customers (50,000).")] = None,
    scale: Annotated[float | None, typer.Option("--scale", help="Multiplies that; 12 is 5 million lines.")] = None,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when there is data already.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Remove what was seeded first; asks.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="List what is planted in the data, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as into a pipe.")] = False,
) -> None:  # fmt: skip
    """Fill an empty database with synthetic sales: the same seed and day give the same data.

    Example: zava seed --seed 42 --until 2026-06-30
    """
    from zava_cli.models.seed import SeedRequest

    request = SeedRequest.model_validate(
        {"seed": seed, "until": until, "customers": customers, "scale": scale, "if_empty": if_empty, "reset": reset}
    )
    as_json = as_json or not sys.stdout.isatty()
    if explain:
        _explain(request, as_json)
        return
    if reset and not yes:
        _ask()
    report = _seed(request)
    if as_json:
        print_json(report)
    else:
        print_key_values(_summary(report), title="Seeded" if report.seeded else "Nothing done: there is data already")


def _seed(request: SeedRequest) -> SeedReport:
    from zava_cli.services.seed.seed import seed_database

    with diagnostics.progress() as on_progress:
        return runtime.administrator(lambda target: seed_database(target, request, on_progress))


def _ask() -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError("--reset removes all data and asks first, but nobody can answer.", hint="Add --yes.")
    typer.confirm(f"Remove all data of profile {runtime.settings().profile}?", abort=True, err=True)


def _summary(report: SeedReport) -> dict[str, Any]:
    names = ("customers", "orders", "order_items", "products", "stores")
    counts = {name.replace("_", " "): f"{report.row_counts[name]:,}" for name in names if name in report.row_counts}
    until = None if report.until is None else f"{report.until} ({report.time_zone}), exclusive"
    return counts | {
        "seed": report.seed, "until": until, "content hash": report.content_hash, "seconds": report.seconds,
    }  # fmt: skip


def _explain(request: SeedRequest, as_json: bool) -> None:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from zava_cli.services.seed.explain import planted_effects
    from zava_cli.services.seed.plan import make_plan

    time_zone = runtime.settings().time_zone
    effects = planted_effects(make_plan(request, time_zone, datetime.now(ZoneInfo(time_zone)).date()))
    if as_json:
        print_json(effects)
        return
    for effect in effects:
        numbers = ", ".join(f"{key} {number:.4g}" for key, number in effect.numbers.items())
        name = f"{effect.name} of {effect.subject}" if effect.subject else effect.name
        print_line(f"{name}: {effect.meaning} ({effect.where})\n  {numbers}")
    print_line("\nWith --json each effect comes with the query that finds it, for `zava query` as head office.")
