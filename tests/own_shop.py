"""The small known database on a server of its own, to be stopped, killed and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tests.own_server import remove, short_folder
from tests.small_data import fill
from zava_cli.data.migrate import migrate
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings


@contextmanager
def own_shop() -> Iterator[Target]:
    """One; gone afterwards."""
    folder = short_folder()
    target = Target(Settings.model_validate({"data_dir": folder}))
    try:
        asyncio.run(migrate(target))
        asyncio.run(fill(target))
        yield target
    finally:
        remove(folder)
