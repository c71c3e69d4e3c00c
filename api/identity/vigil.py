"""Looks, while an answer is on its way for long, whether its reader may still have it.

Who was let in is asked about once, at the beginning; a stream or a held answer may outlast a
logout, a disabled account, a deleted key. One round trip in CHECK_SECONDS asks about everybody
who is being answered, however many streams each has open.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError

from api.auth import Principal
from api.identity.bearer import Bearers

log = structlog.get_logger()

CHECK_SECONDS = 2.0


class Vigil:
    """Everybody whose answer is not complete yet."""

    def __init__(self, bearers: Bearers) -> None:
        self._bearers = bearers
        self._watched: dict[Principal, set[Callable[[], None]]] = {}

    @contextmanager
    def over(self, who: Principal, lost_right: Callable[[], None]) -> Iterator[None]:
        """``lost_right`` is called once ``who`` may not be answered any more."""
        self._watched.setdefault(who, set()).add(lost_right)
        try:
            yield
        finally:
            self._watched[who].discard(lost_right)
            if not self._watched[who]:
                del self._watched[who]

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.look()
            except RedisError as error:
                log.debug("nobody is looked after", error=str(error))

    async def look(self) -> None:
        """Ask about all, and end what those who lost their right are being told."""
        watched = list(self._watched)
        for who in await self._bearers.without_right(watched):
            for lost_right in self._watched.get(who, ()):
                lost_right()
