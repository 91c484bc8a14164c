"""Imports a file of transaction lines: read, checked and loaded in one transaction, all of it or nothing."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from zava_cli.data.importing import ImportTransaction, import_transaction
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError, ValidationError
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.models.importing import ImportReport, ImportRequest, MappedColumn, Problem
from zava_cli.services.importing.mapping import map_columns
from zava_cli.services.importing.reading import Source, open_source

MOST_REJECTED = 0.1
FIRST_PROBLEMS = 10
PROGRESS_RECORDS = 2_000

OpenFile = Callable[[Path], AbstractContextManager[BinaryIO]]
"""Opens a file that appears when the block ends well, and not at all when it fails."""


async def import_file(
    target: Target, request: ImportRequest, open_rejects: OpenFile, on_progress: Progress = no_progress
) -> ImportReport:
    """Loads the file of `request`, or with `dry_run` says what loading it would do.

    Orders are known by store and number, their lines by their place within the order: what was loaded before is
    left alone, an order that has grown gets its further lines, and a line that differs from the one loaded
    before is rejected. Raises ValidationError, with the database as it was, when the file is broken, when a
    column is missing, or when more than a tenth of its lines would be rejected.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        source = stack.enter_context(open_source(request.file, request.encoding))
        mapping = map_columns(source.headers, request.columns, request.store)
        rejects = request.rejects or Path(f"{_stem(request.file)}.rejected.csv")
        if rejects.resolve() == request.file.resolve():
            raise ValidationError("rejects", str(rejects), "is the file to import", hint="Choose another name.")
        async with import_transaction(target, request.date_order, keep=not request.dry_run) as steps:
            found = await _checked(steps, source, mapping, request, on_progress)
            if not request.dry_run:
                _refuse_too_many(found, request)
                if found["rejected"]:
                    # Entered here, left after the commit: the file appears if and only if the load does.
                    await _write_rejects(stack.enter_context(open_rejects(rejects)), source.headers, steps)
                await _load(steps, source, mapping, found, on_progress)
    return ImportReport(
        file=source.name, dry_run=request.dry_run, mapping=mapping,
        rejects_file=str(rejects) if found["rejected"] and not request.dry_run else None,
        seconds=round(time.monotonic() - started, 2), **found,
    )  # fmt: skip


async def _checked(
    steps: ImportTransaction, source: Source, mapping: list[MappedColumn], request: ImportRequest, on_progress: Progress
) -> dict[str, Any]:
    """Time zone, counts, sums and first problems, under the names of ImportReport."""
    zone = await steps.choose_time_zone(request.time_zone, keep=not request.dry_run)
    await steps.stage(_records(source, on_progress))
    on_progress("Checking", source.size, source.size)
    counts = await steps.check(len(source.headers), mapping, request.return_prefix)
    problems = [Problem(line=line, reason=reason) async for line, reason, _ in steps.rejected(FIRST_PROBLEMS)]
    return {"time_zone": zone, "problems": problems, **counts}


async def _records(source: Source, on_progress: Progress) -> AsyncIterator[tuple[int, list[str]]]:
    for count, record in enumerate(source.records()):
        if count % PROGRESS_RECORDS == 0:
            on_progress("Reading", source.bytes_read, source.size)
        yield record


async def _load(
    steps: ImportTransaction, source: Source, mapping: list[MappedColumn], found: dict[str, Any], on_progress: Progress
) -> None:
    if not found["loaded"]:
        # Nothing changes, so there is nothing to note: caches stay valid and the audit trail stays as it is.
        return
    on_progress("Loading", source.size, source.size)
    await steps.write()
    names = ("lines", "loaded", "already_there", "rejected", "stores", "orders", "customers", "products")
    parameters = {
        "columns": {column.target: column.header or column.value for column in mapping},
        "time_zone": found["time_zone"],
    }
    await steps.record(source.name, source.sha256, parameters, {name: found[name] for name in names})


def _refuse_too_many(found: dict[str, Any], request: ImportRequest) -> None:
    lines, rejected = found["lines"], found["rejected"]
    if request.accept_rejects or rejected <= lines * MOST_REJECTED:
        return
    first: Problem = found["problems"][0]
    raise ValidationError(
        "file", request.file.name,
        f"{rejected:,} of {lines:,} lines would be rejected, the first on line {first.line} ({first.reason}); "
        "nothing was loaded",
        hint="See more of them with --dry-run; load the others all the same with --accept-rejects.",
    )  # fmt: skip


async def _write_rejects(out: BinaryIO, headers: list[str], steps: ImportTransaction) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    try:
        writer.writerow(["line", "reason", *headers])
        async for line, reason, fields in steps.rejected():
            writer.writerow([line, reason, *fields])
    except OSError as exc:
        raise ConfigurationError(
            f"The rejected lines cannot be written: {exc.strerror}; nothing was loaded.",
            hint="Choose another place for them with --rejects.",
        ) from exc
    finally:
        text.detach()


def _stem(file: Path) -> str:
    packed = file.suffix.lower() in (".gz", ".xz", ".zst")
    return (file.with_suffix("") if packed else file).with_suffix("").name
