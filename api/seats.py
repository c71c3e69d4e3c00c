"""Open event streams of a user, counted over all gateways.

Each gateway tells the store its own number, absolute, one call of a user after the other: a
lost answer is put right by the next call, and a gateway that died stops counting.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import structlog
from redis.exceptions import RedisError

from api.limits import TooManyStreams
from common.scripts import AsyncScripts

log = structlog.get_logger()

#: Seconds after which a refused client may find a seat: nobody knows when a stream ends.
RETRY_SECONDS = 5


@dataclass(slots=True, weakref_slot=True)
class _Row:
    """The streams of one user at this gateway; it lives as long as one of them."""

    open: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Seats:
    """Gives a seat to each stream, up to ``limit`` a user; ``gateway`` is this one's name."""

    def __init__(self, scripts: AsyncScripts, gateway: str, limit: int) -> None:
        self._scripts = scripts
        self._gateway = gateway
        self._limit = limit
        self._rows: WeakValueDictionary[str, _Row] = WeakValueDictionary()

    @asynccontextmanager
    async def seat(self, user: str) -> AsyncIterator[None]:
        """A seat while a stream is open. Raises TooManyStreams, redis.RedisError."""
        row = self._rows.setdefault(user, _Row())
        await self._take(user, row)
        try:
            yield
        finally:
            # The client is gone, and so is perhaps our task: this must be said anyhow.
            await asyncio.shield(self._leave(user, row))

    async def check(self, user: str) -> None:
        """Whether there is a seat now, before work begins. Raises as ``seat``."""
        async with self.seat(user):
            pass

    async def _take(self, user: str, row: _Row) -> None:
        async with row.turn:
            allowed, have, limit = await self._say(user, row.open + 1)
            if not allowed:
                raise TooManyStreams(
                    f"You have {have} open event streams, and {limit} are allowed.",
                    retry_after=RETRY_SECONDS,
                )
            row.open += 1

    async def _leave(self, user: str, row: _Row) -> None:
        async with row.turn:
            row.open -= 1
            try:
                await self._say(user, row.open)
            except RedisError as error:
                log.warning("a stream that ended is still counted", error=str(error))

    async def _say(self, user: str, streams: int) -> list[int]:
        args = (user, self._gateway, streams, self._limit)
        return list(await self._scripts("stream_count", *args))
