"""What the proof looks up: the truth as head office sees it, fingerprints, rights, and who is busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.named_sql import named_sql
from zava_cli.models.identity import ManagerRole


async def stores_of(provider: PostgreSQLProvider, caller: Caller) -> list[dict[str, Any]]:
    """store_id, name, location and manager_id of every store that the caller sees."""
    async with provider.reader(caller) as session:
        return await session.rows(named_sql("prove")["stores"])


async def totals_of(provider: PostgreSQLProvider, caller: Caller) -> list[dict[str, Any]]:
    """relation, store_id and n of every table and store that the caller sees."""
    async with provider.reader(caller) as session:
        return await session.rows(named_sql("prove")["store_totals"])


async def foreign_tokens(
    provider: PostgreSQLProvider, caller: Caller, ids: Sequence[str], addresses: Sequence[str], own: Sequence[str]
) -> dict[str, str]:
    """Kind by token, of the tokens in rows that the caller sees and that belong to none of the `own` stores."""
    async with provider.reader(caller) as session:
        rows = await session.rows(named_sql("prove")["foreign_tokens"], ids, addresses, own)
    return {row["token"]: row["kind"] for row in rows}


async def fingerprint(provider: PostgreSQLProvider, witnesses: Sequence[Caller]) -> dict[str, Any]:
    """Changes when the data that the witnesses see does, or the catalog."""
    found: dict[str, Any] = {}
    for number, caller in enumerate(witnesses):
        async with provider.reader(caller) as session:
            for row in await session.rows(named_sql("prove")["data_fingerprint"]):
                found[f"{row['relation']} {number}"] = (row["n"], row["hash"])
    async with provider.gateway_reader() as session:
        return found | await session.row(named_sql("prove")["catalog_fingerprint"])


async def rights_beyond_reading(provider: PostgreSQLProvider) -> list[str]:
    """What the login and the managers' roles may do apart from reading `retail`."""
    roles = provider.target.roles
    names = [roles.gateway, *(roles.of(role) for role in ManagerRole)]
    async with provider.gateway_reader() as session:
        return [row["name"] for row in await session.rows(named_sql("prove")["rights"], names)]


async def readable_views(provider: PostgreSQLProvider, caller: Caller) -> dict[str, str]:
    """A reading statement by name for every view that the caller's role may read."""
    async with provider.reader(caller) as session:
        return {row["name"]: row["sql"] for row in await session.rows(named_sql("prove")["readable_views"])}


async def offered(provider: PostgreSQLProvider) -> dict[str, Any]:
    """Which protections this server offers, beside those that health looks at."""
    async with provider.gateway_reader() as session:
        return await session.row(named_sql("prove")["offered"])


async def busy_with(provider: PostgreSQLProvider, mark: str) -> int:
    """How many of the login's sessions work on a statement that holds `mark`."""
    async with provider.gateway_reader() as session:
        return (await session.row(named_sql("prove")["busy"], mark))["n"]


async def lock_is_free(provider: PostgreSQLProvider) -> bool:
    """Whether no session still holds the lock that an attack took."""
    async with provider.gateway_reader() as session:
        return (await session.row(named_sql("prove")["lock_is_free"]))["free"]
