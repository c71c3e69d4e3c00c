"""How the gateway speaks to Redis: never for long, and never twice after a silence."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError


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
