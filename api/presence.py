"""Tells the other processes that this gateway lives, and with it the clients that it holds."""

import asyncio
import uuid

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common import keys

log = structlog.get_logger()

BEAT_SECONDS = 1.0
#: Without a beat for so long, the clients of a gateway count as gone.
LIFE_SECONDS = 5


class Presence:
    """One key in Redis with a short life."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._instance = uuid.uuid4().hex[:12]

    @property
    def instance(self) -> str:
        """The name of this gateway, as ``keys.gateway`` has it."""
        return self._instance

    def waiter(self) -> str:
        """A fresh name for a client that waits at this gateway."""
        return f"{self._instance}/{uuid.uuid4().hex}"

    async def run(self) -> None:
        """Beat until cancelled; then say goodbye."""
        key = keys.gateway(self._instance)
        try:
            while True:
                await self._beat(key)
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            await self._redis.delete(key)

    async def _beat(self, key: str) -> None:
        try:
            await self._redis.set(key, "1", ex=LIFE_SECONDS)
        except RedisError as error:
            log.warning("this gateway cannot say that it lives", error=str(error))
