"""Redis, as a place that others may read and write: what lies there is encrypted and authenticated."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import LRUCache

from zava_cli.infra.errors import ConfigurationError

try:
    from cryptography.fernet import Fernet
    from key_value.aio._utils.serialization import BasicSerializationAdapter
    from key_value.aio.errors import BaseKeyValueError, CorruptedDataError, DecryptionError, DeserializationError
    from key_value.aio.stores.base import ManagedEntry
    from key_value.aio.stores.redis import RedisStore
    from key_value.aio.wrappers.encryption.fernet import FernetEncryptionWrapper
    from redis import RedisError
    from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    from zava_cli.infra.redis_troubles import trouble
except ImportError:
    raise ConfigurationError(
        "redis_url needs packages that are not installed here.",
        hint="Install zava with the extra redis, pip install 'zava[redis]', or unset ZAVA_REDIS_URL.",
    ) from None

if TYPE_CHECKING:
    from zava_cli.infra.cache_stores import Place

WAIT_SECONDS = 0.25
"""What a caller waits for Redis at most; asking the database takes about as long."""
MOST_CONNECTIONS = 16
MOST_CALLERS = 1_000
COLLECTION = "zava"
PROBE = f"{COLLECTION}::probe"
_ENCRYPTED = "__encrypted_data__"

T = TypeVar("T")


class AwayError(Exception):
    """Redis cannot be asked now; the text says why."""


class AlteredError(Exception):
    """What lies there is not what was put there."""


class SealedRedis:
    """Keeps dictionaries, each sealed with the key of its place and bound to its name.

    Every method may raise AwayError. A library's own error may hold the URL and with it a password: none leaves.
    """

    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=WAIT_SECONDS,
            decode_responses=True,
            socket_timeout=WAIT_SECONDS,
            socket_connect_timeout=WAIT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._client = Redis.from_pool(self._pool)
        self._store = _Strict(self._client)
        # The library takes a millisecond to make one.
        self._wrappers: LRUCache[bytes, _Sealed] = LRUCache(MOST_CALLERS)

    async def read(self, place: Place) -> dict[str, Any] | None:
        """What was put there; AlteredError for anything else."""
        try:
            kept = await self._answered(self._sealed(place).get(place.name))
        except (AlteredError, DecryptionError, UnicodeDecodeError):
            raise AlteredError from None
        if kept is not None and kept.pop("name", None) != place.name:
            raise AlteredError
        return kept

    async def write(self, place: Place, kept: dict[str, Any], seconds: float) -> None:
        """Puts a dictionary there for some seconds."""
        # Its own name goes with it, so that another answer with the same key that is put there is recognised.
        await self._answered(self._sealed(place).put(place.name, {**kept, "name": place.name}, ttl=seconds))

    async def probe(self) -> None:
        """Returns if it takes an answer and gives one."""
        await self._answered(self._client.set(PROBE, "", ex=1))
        await self._answered(self._client.get(PROBE))

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._client.aclose()

    async def _answered(self, request: Awaitable[T]) -> T:
        try:
            # The library's own limits count each step; together they would be a multiple of it.
            async with asyncio.timeout(WAIT_SECONDS):
                return await request
        except (DecryptionError, UnicodeDecodeError):
            raise
        except (RedisError, OSError, BaseKeyValueError) as exc:
            with_tls = issubclass(self._pool.connection_class, SSLConnection)
            with_password = self._pool.connection_kwargs.get("password") is not None
            raise AwayError(trouble(exc, with_password=with_password, with_tls=with_tls)) from None

    def _sealed(self, place: Place) -> _Sealed:
        sealed = self._wrappers.get(place.key)
        if sealed is None:
            fernet = Fernet(base64.urlsafe_b64encode(place.key))
            sealed = self._wrappers[place.key] = _Sealed(self._store, fernet=fernet)
        return sealed


class _Sealed(FernetEncryptionWrapper):
    def _decrypt_value(self, value: dict[str, Any] | None) -> dict[str, Any] | None:
        # The wrapper would hand on what is not encrypted as it is, from whomever it comes.
        if value is not None and _ENCRYPTED not in value:
            raise CorruptedDataError
        return super()._decrypt_value(value)


class _Strict(RedisStore):
    """Says so when an entry cannot be read, where the library's store takes it for missing."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client=client, default_collection=COLLECTION)
        self._adapter = _StrictAdapter()


class _StrictAdapter(BasicSerializationAdapter):
    def load_json(self, json_str: str) -> ManagedEntry:
        try:
            return super().load_json(json_str)
        except (DeserializationError, TypeError):
            raise AlteredError from None
