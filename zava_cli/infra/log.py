"""Structured logging: readable lines on a terminal, JSON elsewhere, to stderr or a file, never stdout."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.visible import visible_lines

if TYPE_CHECKING:
    import structlog

ABOUT: ContextVar[Callable[[], dict[str, Any]]] = ContextVar("about", default=dict)
"""Says what every line of an operation tells of it, such as the request's id; asked only where a line is written."""


class Logger:
    """Writes lines that are severe enough; only the first of them imports structlog, and most commands write none."""

    def __init__(self) -> None:
        self._level = logging.WARNING
        self._file: Path | None = None
        self._structlog: structlog.typing.FilteringBoundLogger | None = None

    def configure(self, level: str, file: Path | None) -> None:
        """Takes what applies to the lines to come."""
        self._level, self._file, self._structlog = logging.getLevelNamesMapping()[level.upper()], file, None

    def log(self, level: int, event: str, **values: Any) -> None:
        """Writes one line with `values` and what ABOUT says."""
        if level < self._level:
            return
        if self._structlog is None:
            self._structlog = _structlog(self._level, self._file)
        self._structlog.log(level, event, **{**ABOUT.get()(), **values})

    def info(self, event: str, **values: Any) -> None:
        """What happened as it should."""
        self.log(logging.INFO, event, **values)

    def warning(self, event: str, **values: Any) -> None:
        """What somebody should look at."""
        self.log(logging.WARNING, event, **values)

    def error(self, event: str, **values: Any) -> None:
        """What went wrong."""
        self.log(logging.ERROR, event, **values)


_LOGGER = Logger()


def logger() -> Logger:
    """The process's logger."""
    return _LOGGER


def configure_logging(level: str, file: Path | None) -> None:
    """Sets logging up for this process; `level` is debug, info, warning or error."""
    if file is not None:
        _check(file)
    _LOGGER.configure(level, file)


def _structlog(level: int, file: Path | None) -> structlog.typing.FilteringBoundLogger:
    import structlog

    to_terminal = file is None and sys.stderr.isatty()
    renderer: Any = structlog.processors.JSONRenderer()
    if to_terminal:
        # Values as Python writes them and tracebacks line by line: neither may steer the terminal.
        renderer = structlog.dev.ConsoleRenderer(repr_native_str=True, exception_formatter=_visible_traceback)
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if file is None and level > logging.DEBUG:
        # A person watches stderr: they get the reference, whoever debugs gets the traceback.
        processors.append(_without_traceback)
    elif not to_terminal:
        # Local variables hold DSNs, keys and parameters.
        without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        processors.append(structlog.processors.ExceptionRenderer(without_locals))
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lines(file))),
        cache_logger_on_first_use=False,
    )
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())


class _Lines:
    """Where lines go: to the file, opened for each of the few there are, or to whatever stderr is by then."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def write(self, text: str) -> None:
        if self._file is None:
            sys.stderr.write(text)
            return
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def flush(self) -> None:
        if self._file is None:
            sys.stderr.flush()


def _visible_traceback(stream: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    import structlog

    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.write("\n".join(visible_lines(text.getvalue())))


def _check(file: Path) -> None:
    try:
        file.open("a", encoding="utf-8").close()
    except OSError as exc:
        raise ConfigurationError(
            f"log_file: {file} cannot be written: {exc.strerror}", hint="Name a file in a folder where you may write."
        ) from None


def _without_traceback(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.pop("exc_info", None)
    return event
