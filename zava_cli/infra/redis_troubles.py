"""Why Redis cannot be used, in words for whoever runs it; a library's own may hold the URL and with it a password."""

from __future__ import annotations

import os
import socket
import ssl

from redis import exceptions as redis

CLOSED = "Connection closed by server"
NO_SUCH_DATABASE = "DB index is out of range"


def trouble(error: Exception, *, with_password: bool, with_tls: bool) -> str:
    """A sentence without its stop; the rest is about the URL that was tried."""
    if isinstance(error.__cause__, redis.RedisError):
        # While it connects, the library shows every error as one of the connection.
        error = error.__cause__
    match error:
        case redis.AuthenticationError() | redis.AuthenticationWrongNumberOfArgsError():
            return (
                "Redis refuses the user or password of ZAVA_REDIS_URL"
                if with_password
                else "Redis wants a password, and ZAVA_REDIS_URL has none"
            )
        case redis.NoPermissionError():
            return "Redis does not let the user of ZAVA_REDIS_URL use GET and SET"
        case redis.ReadOnlyError():
            return "this Redis is a replica, which takes no answers"
        case redis.OutOfMemoryError():
            return "Redis is full (maxmemory) and set to throw nothing out"
        case redis.BusyLoadingError():
            return "Redis is still loading its data"
        case redis.ResponseError() if NO_SUCH_DATABASE in str(error):
            return "Redis has no database of the number in ZAVA_REDIS_URL"
        case TimeoutError() | redis.TimeoutError():
            return "Redis does not answer" + (", perhaps because it has no TLS (redis://)" if with_tls else "")
        case redis.ConnectionError() if CLOSED in str(error):
            return "Redis closed the connection" + ("" if with_tls else ", perhaps because it wants TLS (rediss://)")
        case _:
            return _of_connection(error if isinstance(error, OSError) else error.__context__, type(error).__name__)


def _of_connection(cause: BaseException | None, name: str) -> str:
    match cause:
        case ssl.SSLCertVerificationError():
            return f"the certificate of Redis is not trusted: {cause.verify_message}"
        case ssl.SSLError():
            return f"TLS with Redis failed: {cause.reason}"
        case socket.gaierror():
            return "the host of ZAVA_REDIS_URL has no address"
        case OSError(errno=int(number)):
            return f"Redis does not answer: {os.strerror(number)}"
        case _:
            return f"Redis fails with {name}"
