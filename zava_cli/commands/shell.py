"""The command line's frame: the options that every command has, and the one boundary where errors end."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from zava_cli.commands import diagnostics, runtime
from zava_cli.commands.exit_codes import ExitCode, exit_code_for
from zava_cli.commands.help import PlainCommand, PlainGroup
from zava_cli.commands.signals import Terminated
from zava_cli.infra.errors import InternalError, MCPError
from zava_cli.infra.invalid import invalid
from zava_cli.infra.visible import visible_lines

PANEL = "Who and where"


def _remember(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    if not ctx.resilient_parsing:
        runtime.remember_flag(param.name, value)
    return value


def setting_callback(name: str) -> Callable[[Any], Any]:
    """For an option of one command that is a setting as well: the flag wins over every other source."""

    def remember(value: Any) -> Any:
        runtime.remember_flag(name, value)
        return value

    return remember


def _common(
    identity: Annotated[
        str | None,
        typer.Option("--as", help="Who asks: a manager, or a store's name or city.", metavar="WHO",
                     rich_help_panel=PANEL, callback=_remember),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", "-P", help="Which database.", metavar="NAME",
                     rich_help_panel=PANEL, callback=_remember),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Folder of the embedded server.", rich_help_panel=PANEL, callback=_remember),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", help="debug, info, warning or error.", metavar="LEVEL",
                     rich_help_panel=PANEL, callback=_remember),
    ] = None,
    log_file: Annotated[
        Path | None,
        typer.Option("--log-file", help="Log to this file, with the details of unforeseen errors.",
                     rich_help_panel=PANEL, callback=_remember),
    ] = None,
) -> None:  # fmt: skip
    """Only its parameters are used."""


@cache
def _common_options() -> list[Any]:
    donor = typer.Typer(add_completion=False)
    donor.command()(_common)
    options = [param for param in typer.main.get_command(donor).params if param.name != "help"]
    for option in options:
        option.expose_value = False
    return options


class _Common:
    """Beside click's class of a command or a group: the common options after its own, and its name while it runs."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **kwargs: Any) -> None:
        cast("Any", super()).__init__(*args, params=[*(params or []), *_common_options()], **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Runs under its name, a group until a command of it takes over."""
        runtime.begin_command(ctx.command_path)
        return cast("Any", super()).invoke(ctx)


class ZavaCommand(_Common, PlainCommand):
    """A command with the common options."""


class ZavaGroup(_Common, PlainGroup):
    """A group that does something by itself, with the common options."""


class ErrorBoundary(ZavaGroup):
    """The root: turns every error into lines on stderr and an exit code, and ends the invocation in order."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Starts an invocation before the first option is read."""
        runtime.begin()
        try:
            return super().parse_args(ctx, args)
        except Exception as exc:
            _show_plainly(exc)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; nothing but Typer's own exits leaves it."""
        try:
            return super().invoke(ctx)
        except MCPError as error:
            self._end(error)
        except KeyboardInterrupt:
            diagnostics.note("Interrupted.")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except Terminated:
            diagnostics.note("Terminated.")
            raise typer.Exit(ExitCode.TERMINATED) from None
        except BrokenPipeError:
            raise typer.Exit(ExitCode.OK) from None
        except Exception as exc:
            # Typer carries a click of its own, whose usage errors and exits have no public base class.
            if type(exc).__module__.startswith("typer"):
                _show_plainly(exc)
                raise
            self._end(_invalid_request(exc) or _unforeseen(exc))
        finally:
            runtime.finish()

    def _end(self, error: MCPError) -> None:
        diagnostics.report(error)
        raise typer.Exit(exit_code_for(error))


def _show_plainly(exc: Exception) -> None:
    """Says a usage error as a person would; what it repeats, such as a file's name, cannot steer the terminal."""
    message = getattr(exc, "message", None)
    if isinstance(message, str):
        if message.startswith("Got unexpected extra argument") and _takes_an_argument(exc):
            message += ". Put a text of several words between quotes."
        exc.message = "\n".join(visible_lines(message.removeprefix("Value error, ")))  # type: ignore[attr-defined]


def _takes_an_argument(usage_error: Any) -> bool:
    """Whether the command that was mistaken has an argument, which a text without quotes would be more than one of."""
    ctx = usage_error.ctx
    return ctx is not None and any(param.param_type_name == "argument" for param in ctx.command.params)


def _invalid_request(exc: Exception) -> MCPError | None:
    """A request model's complaint as one of the family; None for any other error."""
    from pydantic import ValidationError as PydanticError

    if not isinstance(exc, PydanticError):
        return None
    return invalid(exc, hint="See --help for what it may be.")


def _unforeseen(exc: Exception) -> InternalError:
    import secrets

    from zava_cli.infra.log import logger

    reference = secrets.token_hex(6)
    logger().error("unexpected", request_id=reference, error=type(exc).__name__, exc_info=exc)
    return InternalError(reference)
