"""The small known database as machines see it that hold one version of its keys or another."""

from __future__ import annotations

from datetime import timedelta

from pydantic import SecretStr

from tests.conftest import opened
from tests.small_data import Walls, expected
from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.target import Target
from zava_cli.infra.keys import MasterKeys, encoded

HOUR = timedelta(hours=1)
OWN_ORDERS = expected("Sam Seattle", "orders")


async def identified(target: Target, who: str = "Sam Seattle") -> Caller:
    """Somebody as a process that starts now sees them."""
    async with opened(target) as provider:
        return await provider.identify(who)


async def orders(provider: PostgreSQLProvider, caller: Caller) -> int:
    """What the caller sees by the product's own way."""
    async with provider.reader(caller) as session:
        return (await session.row("SELECT count(*) AS n FROM orders"))["n"]


def holding(walls: Walls, keys: dict[int, bytes]) -> Target:
    """The database as a machine sees it that has these keys in ZAVA_MASTER_KEY."""
    return Target(walls.target.settings.model_copy(update={"master_key": SecretStr(encoded(keys))}))


def file_versions(walls: Walls) -> list[int]:
    """Versions in the database's own key file, oldest first."""
    return MasterKeys(None, walls.target.key_file).versions()


async def let_end(walls: Walls, version: int) -> None:
    """Makes an overlap be over."""
    await walls.as_superuser(
        "UPDATE security.manager_keys SET valid_until = now() - interval '1 second' WHERE version = $1", version
    )
