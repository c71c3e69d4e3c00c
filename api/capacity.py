"""Whether the store has memory left for new jobs."""

import asyncio
import time
from collections.abc import Callable

from redis.asyncio import Redis

#: New jobs are refused from this part of maxmemory on; accepted ones need the rest to end.
SHED_FROM = 0.8
#: Seconds for which an answer of the server is good enough.
_FRESH_SECONDS = 1.0


class StoreMemory:
    """The server's memory, asked for once a second at most."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._asked_at = float("-inf")
        self._full = False
        self._asking = asyncio.Lock()

    async def is_short(self) -> bool:
        """Whether 80 % of maxmemory is used. Raises redis.RedisError."""
        if self._clock() - self._asked_at < _FRESH_SECONDS or self._asking.locked():
            return self._full
        async with self._asking:
            memory = await self._redis.info("memory")
            self._asked_at = self._clock()
            self._full = is_short(int(memory["used_memory"]), int(memory["maxmemory"]))
        return self._full


def is_short(used: int, maximum: int) -> bool:
    """The rule; ``maximum`` 0 is no limit."""
    return maximum > 0 and used >= SHED_FROM * maximum
