"""How the gateway speaks to Redis: never for long, and never twice after a silence."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

#: How a server begins its refusal of every write: its disk fails, or too few replicas follow it.
_NO_WRITES = ("MISCONF", "NOREPLICAS")


def connect(url: str, *, retries: int = 1, connections: int = 32) -> "Redis":
    """A client that answers or fails in under four seconds.

    A dropped connection is tried again, since scripts are safe to repeat; a server that
    does not answer is not asked again.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        decode_responses=True,
        max_connections=connections,
        timeout=2,
        socket_timeout=2,
        socket_connect_timeout=1,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), retries, supported_errors=(RedisConnectionError,)),
    )
    return Redis.from_pool(pool)


def refuses_writes(error: ResponseError) -> bool:
    """Whether the server takes nothing from anybody now, whatever was asked of it."""
    return isinstance(error, OutOfMemoryError) or str(error).startswith(_NO_WRITES)
