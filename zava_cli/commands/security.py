"""`zava security`: keys, and the proof that they hold."""

from __future__ import annotations

import typer

from zava_cli.commands.security_prove import prove
from zava_cli.commands.shell import ZavaCommand

security_app = typer.Typer(help="Keys, and the proof that they hold.", no_args_is_help=True)

security_app.command(cls=ZavaCommand)(prove)
