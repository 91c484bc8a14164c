"""`zava security`: keys that sign for managers, and the proof that they hold."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.durations import duration
from zava_cli.commands.help import PlainGroup
from zava_cli.commands.options import JsonOption
from zava_cli.commands.output.console import print_json, print_line
from zava_cli.commands.security_prove import prove
from zava_cli.commands.shell import ZavaCommand
from zava_cli.infra.errors import ConfigurationError

if TYPE_CHECKING:
    from zava_cli.data.callers import Caller
    from zava_cli.data.database import PostgreSQLProvider
    from zava_cli.models.security import IssuedKey

security_app = typer.Typer(
    cls=PlainGroup,
    help="Replace and hand out the keys that sign for managers, and prove that they hold.",
    no_args_is_help=True,
)
security_app.command(cls=ZavaCommand)(prove)


@security_app.command("rotate-key", cls=ZavaCommand)
def rotate_key(
    overlap: Annotated[
        timedelta,
        typer.Option(
            "--overlap", parser=duration, metavar="TIME",
            help="How long the old key is still accepted: 90s, 15m, 1h, 2d; 0 cuts a leaked key off at once.",
        ),
    ] = "1h",  # pyright: ignore[reportArgumentType]  # Typer parses defaults too
    write_to: Annotated[
        Path | None,
        typer.Option("--write-to", help="New file for the key, when it comes from ZAVA_MASTER_KEY.", metavar="FILE"),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Replace the key that signs for everybody, as administrator, while servers go on answering.

    Example: zava security rotate-key --overlap 2h
    """
    from zava_cli.services import security_keys

    done = runtime.administrator(lambda target: security_keys.rotate_key(target, overlap, write_to))
    if as_json:
        print_json(done)
    else:
        print_line(f"Key version {done.version} signs for {done.managers} managers; it is in {done.written_to}.")
        for version, end in done.ending.items():
            print_line(f"Version {version} is accepted until {end:%Y-%m-%d %H:%M:%S %Z}.")
    where = "the key file" if write_to is None else "ZAVA_MASTER_KEY, from that file,"
    diagnostics.note(f"Machines that sign need {where} before older versions end; managers need new key files.")


@security_app.command("bind-backend", cls=ZavaCommand)
def bind_backend(
    switch: Annotated[
        Literal["on", "off"], typer.Argument(help="off behind a pooler that changes backends, on without.")
    ],
) -> None:
    """Accept a context only on the connection that it was made for, or on any, as administrator.

    Off is for PgBouncer in transaction mode; a context that leaks is then good anywhere until it expires.

    Example: zava security bind-backend off
    """
    from zava_cli.services import security_keys

    runtime.administrator(lambda target: security_keys.bind_backend(target, switch == "on"))
    where = "the connection that it was made for" if switch == "on" else "every connection until it expires"
    print_line(f"A context is good on {where}.")


@security_app.command(cls=ZavaCommand)
def issue(
    out: Annotated[Path, typer.Option("--out", help="The file, which must not exist.", metavar="FILE")],
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            "--expires-in", parser=duration, metavar="TIME",
            help="After this zava refuses the file; what ends it in the database is rotate-key.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Write a manager's own key file, which signs for them and nobody else.

    Example: zava security issue --as seattle --out seattle.key --expires-in 90d
    """
    from zava_cli.services import security_keys

    if runtime.settings().manager_key_file is not None:
        raise ConfigurationError(
            "A manager's key file signs for that manager and makes no others.",
            hint="Unset ZAVA_MANAGER_KEY_FILE where the master key is.",
        )

    async def write(_: PostgreSQLProvider, caller: Caller) -> IssuedKey:
        return security_keys.issue_key(caller, out.absolute(), expires_in)

    done = runtime.manager(write)
    if as_json:
        print_json(done)
    else:
        until = f" until {done.expires:%Y-%m-%d %H:%M %Z}" if done.expires else ""
        print_line(f"{done.written_to} signs for {done.name}{until}.")
    diagnostics.note("On their machine: chmod 600 the file and set ZAVA_MANAGER_KEY_FILE to its path.")
