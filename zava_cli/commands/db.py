"""`zava db`: the database behind a profile."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.help import PlainGroup
from zava_cli.commands.options import JsonOption
from zava_cli.commands.output.console import print_json, print_key_values, print_line
from zava_cli.commands.shell import ZavaCommand
from zava_cli.infra.errors import ConfigurationError

if TYPE_CHECKING:
    from zava_cli.data.embedded import EmbeddedServer
    from zava_cli.data.target import Target

db_app = typer.Typer(cls=PlainGroup, help="Start, stop, migrate and inspect the database.", no_args_is_help=True)


def _embedded() -> EmbeddedServer:
    server = runtime.target().embedded
    if server is None:
        raise ConfigurationError(
            "This profile uses a PostgreSQL server of your own.", hint="Start and stop it where it runs."
        )
    return server


@db_app.command(cls=ZavaCommand)
def start() -> None:
    """Start the embedded server and make a missing one, as db migrate does; other commands start what is there.

    Example: zava db start
    """
    print_line("Started." if _embedded().start() else "Already running.")


@db_app.command(cls=ZavaCommand)
def stop() -> None:
    """Stop the embedded server; the data stays.

    Example: zava db stop
    """
    print_line("Stopped." if _embedded().stop() else "Not running.")


@db_app.command(cls=ZavaCommand)
def status(as_json: JsonOption = False) -> None:
    """Show where the database is and whether the embedded server runs.

    Example: zava db status
    """
    server = runtime.target().embedded
    values: dict[str, Any] = {"profile": runtime.settings().profile}
    if server is None:
        values |= {"server": "your own (ZAVA_DATABASE_URL)"}
    else:
        values |= {
            "server": f"embedded PostgreSQL {server.version}",
            "running": server.is_running(),
            "database": runtime.target().embedded_database,
            "folder": str(server.home),
            "log": str(server.log),
        }
    if as_json:
        print_json(values)
        return
    print_key_values(values)


@db_app.command(cls=ZavaCommand)
def url(admin: Annotated[bool, typer.Option("--admin", help="The administrator's instead.")] = False) -> None:
    """Print the connection URL of the embedded database, for other tools.

    Example: psql "$(zava db url --admin)"
    """
    _embedded()
    print_line(runtime.target().admin_dsn if admin else runtime.target().gateway_dsn)


@db_app.command(cls=ZavaCommand)
def migrate(sql: Annotated[bool, typer.Option("--sql", help="Print what would run, and run nothing.")] = False) -> None:
    """Bring the schema up to date; safe to repeat.

    Example: zava db migrate --sql > review.sql
    """
    from zava_cli.commands.embed_models import note_no_index
    from zava_cli.data import migrate as migrations
    from zava_cli.services.embed_models import models_without_index

    if sql:
        outstanding = runtime.administrator(migrations.outstanding)
        if not outstanding:
            diagnostics.note("Up to date: nothing would run.")
        for migration in outstanding:
            print_line(f"-- {migration.name}\nBEGIN;\n{migration.sql}\nCOMMIT;\n")
        return

    async def apply(target: Target) -> tuple[list[str], dict[str, int]]:
        names = await migrations.migrate(target, lambda name: diagnostics.note(f"Applying {name}"))
        # A migration may have dropped an index that it made useless.
        return names, await models_without_index(target)

    applied, without_index = runtime.administrator(apply)
    print_line(f"Applied {len(applied)} migrations." if applied else "Up to date.")
    for model, vectors in without_index.items():
        note_no_index(model, vectors)


@db_app.command(cls=ZavaCommand, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(
    ctx: typer.Context,
    admin: Annotated[bool, typer.Option("--admin", help="As the administrator, past row security.")] = False,
) -> None:
    """Open psql on the embedded database; further arguments go to psql.

    The audit log keeps who opened it, when and for how long.

    Example: zava db psql --admin -c '\\dt retail.*'
    """
    server = _embedded()
    server.wake()
    target = runtime.target()
    command = [str(server.programs / "psql"), target.admin_dsn if admin else target.gateway_dsn, *ctx.args]
    with _interrupts_left_to_the_child():
        code = runtime.administrator(lambda _: _run_psql(command)) if admin else runtime.run(lambda: _run_psql(command))
    raise typer.Exit(code)


async def _run_psql(command: list[str]) -> int:
    import asyncio

    from zava_cli.infra.operations import Outcome, current_operation

    process = await asyncio.create_subprocess_exec(*command)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        # psql itself would die of SIGTERM and leave its statement to run on in the server.
        process.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 1)
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if code != 0:
        current_operation().outcome = Outcome.FAILED
    return code


def _stay(*_: object) -> None:
    """Does nothing about a signal."""


@contextmanager
def _interrupts_left_to_the_child() -> Generator[None]:
    """Ctrl+C in psql cancels its statement and ends neither psql nor zava."""
    # Unlike SIG_IGN a handler is not inherited.
    before = signal.signal(signal.SIGINT, _stay)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
