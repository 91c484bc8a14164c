"""Bearer tokens in the database: the administrator makes and revokes them, the gateway asks whose one is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg

from zava_cli.data.admin import admin_connection
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.named_sql import named_sql
from zava_cli.data.retries import retried
from zava_cli.data.session import Session
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError, ConfigurationError
from zava_cli.infra.keys import MasterKeys
from zava_cli.infra.token_text import new_token, prefix_of, token_hmac
from zava_cli.models.token import NewToken, TokenGrant, TokenRecord, TokenRequest

_identities: WeakKeyDictionary[PostgreSQLProvider, str] = WeakKeyDictionary()
"""The database behind each provider as it was last seen, which saves a question with each token."""


def token_keys(master: MasterKeys, database_identity: str) -> dict[int, bytes]:
    """The keys that tokens of this database may be hashed with, by version of the master key; the newest is last."""
    return master.derive("token", database_identity)


async def add_token(target: Target, request: TokenRequest) -> NewToken:
    """Makes a token; AuthorizationError unless `who` names exactly one manager."""
    sql = named_sql("token")
    async with _keeping(target) as connection:
        managers = await connection.fetch(sql["manager_named"], request.who)
        if len(managers) != 1:
            raise AuthorizationError(
                "That name does not stand for exactly one manager.", request.who,
                hint="Use a manager's e-mail, which is nobody else's.",
            )  # fmt: skip
        manager, text = managers[0], new_token()
        version, key = list(token_keys(target.master_keys(), manager["database_identity"]).items())[-1]
        made: dict[str, Any] = {
            "prefix": prefix_of(text), "name": request.name or manager["name"], "scopes": request.scopes,
        }  # fmt: skip
        expires_at = await connection.fetchval(
            sql["add_token"], made["prefix"], version, token_hmac(key, text), manager["manager_id"], made["name"],
            [scope.value for scope in request.scopes], request.expires,
        )  # fmt: skip
    return NewToken.model_validate({**made, "text": text, "manager": manager["name"], "expires_at": expires_at})


async def tokens(target: Target) -> list[TokenRecord]:
    """Every token that was ever made, newest first."""
    async with _keeping(target) as connection:
        return [TokenRecord.model_validate(dict(row)) for row in await connection.fetch(named_sql("token")["tokens"])]


async def revoke(target: Target, prefix: str) -> None:
    """Makes the token of that prefix worthless from now on."""
    async with _keeping(target) as connection:
        await connection.execute(named_sql("token")["revoke_token"], prefix)


async def resolve_token(provider: PostgreSQLProvider, text: str) -> TokenGrant | None:
    """What a token opens; None for a text that is no token, and for one that is unknown, expired or revoked."""
    prefix = prefix_of(text)
    if prefix is None:
        return None

    async def resolve() -> list[dict[str, Any]]:
        async with provider.gateway_reader() as session:
            known = _identities.get(provider)
            rows = [] if known is None else await _opened(session, provider, known, prefix, text)
            if rows:
                return rows
            identity = (await session.row(named_sql("identity")["database_identity"]))["database_identity"]
            _identities[provider] = identity
            # The same question again would have the same answer.
            return [] if identity == known else await _opened(session, provider, identity, prefix, text)

    rows = await retried(provider.settings, resolve)
    return TokenGrant.model_validate({**rows[0], "prefix": prefix}) if rows else None


async def _opened(
    session: Session, provider: PostgreSQLProvider, identity: str, prefix: str, text: str
) -> list[dict[str, Any]]:
    hmacs = [token_hmac(key, text) for key in token_keys(provider.master_keys, identity).values()]
    return await session.rows(named_sql("identity")["resolve_token"], prefix, hmacs)


async def resolve_subject(provider: PostgreSQLProvider, subject: str) -> UUID | None:
    """The manager of exactly that e-mail or id, which somebody else has verified; None unless it is one."""

    async def resolve() -> list[dict[str, Any]]:
        async with provider.gateway_reader() as session:
            return await session.rows(named_sql("identity")["resolve_subject"], subject)

    rows = await retried(provider.settings, resolve)
    return rows[0]["manager_id"] if len(rows) == 1 else None


@asynccontextmanager
async def _keeping(target: Target) -> AsyncGenerator[asyncpg.Connection]:
    """A transaction as the owner of the tokens."""
    async with admin_connection(target) as connection, connection.transaction():
        if not await connection.fetchval(named_sql("token")["has_tokens"]):
            raise ConfigurationError("This database has no place for tokens yet.", hint="Run `zava db migrate` first.")
        await connection.execute(f'SET LOCAL ROLE "{target.roles.security}"')
        yield connection
