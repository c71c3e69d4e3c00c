"""One Redis reader for many waiters: long polls and streams alike.

What is published may be missed: while the reader reconnects, or when a waiter is slow. A
waiter that may have missed something is *stale*, and heals with one read of the store.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.feed import Feed
from api.waiter import Hears, Waiter
from common.events import StateChange, parse_message
from common.keys import EVENTS_CHANNEL

log = structlog.get_logger()

#: Seconds between two tries to reach a store that is away: at first, and at most.
RECONNECT_SECONDS = (0.1, 2.0)
#: Seconds between two looks at the places of all jobs that wait, and at least between two jobs.
PLACES_SECONDS, PLACE_SECONDS = 1.0, 0.005


class Watcher:
    """Reads the events channel and tells those who wait."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._waiters: dict[str, set[Waiter]] = {}
        #: Changes of state heard of so far: while it stands still, so does the queue.
        self._moves = 0

    @contextmanager
    def watch(self, job_id: str, hears: Hears) -> Iterator[Waiter]:
        """Listen to a job. Subscribe first, read the store afterwards: nothing is missed."""
        waiter = Waiter(hears)
        self._waiters.setdefault(job_id, set()).add(waiter)
        try:
            yield waiter
        finally:
            waiter.rest()
            self._waiters[job_id].discard(waiter)
            if not self._waiters[job_id]:
                del self._waiters[job_id]

    def watched(self, job_id: str, but: Waiter | None = None) -> bool:
        """Whether anybody here waits for the job, or anybody ``but`` this one."""
        return any(waiter is not but for waiter in self._waiters.get(job_id, ()))

    def long_polls(self) -> int:
        """How many wait for an end and read no chunks."""
        everybody = (waiter for waiters in self._waiters.values() for waiter in waiters)
        return sum(waiter.hears is not Hears.ALL for waiter in everybody)

    async def run(self) -> None:
        """Read until cancelled, reconnecting for ever."""
        low, high = RECONNECT_SECONDS
        delay = low
        while True:
            moves = self._moves
            try:
                await Feed(self._redis, EVENTS_CHANNEL, self._spoil_all, self._tell).hear()
            except RedisError as error:
                log.warning("events are not heard", error=str(error))
            except Exception:  # every waiter lives by this loop
                log.exception("events are not heard")
            delay = low if self._moves != moves else min(high, delay * 2)
            await asyncio.sleep(delay)

    async def refresh_places(self) -> None:
        """While the queue moves, let those who show a place look again, one job after the other.

        Until cancelled. The more jobs, the longer a round takes.
        """
        seen = 0
        while True:
            jobs = self._with_places() if self._moves != seen else []
            seen = self._moves
            if not jobs:
                await asyncio.sleep(PLACES_SECONDS)
            for job_id in jobs:
                for waiter in self._waiters.get(job_id, ()):
                    if waiter.shows_place:
                        waiter.spoil()
                await asyncio.sleep(max(PLACES_SECONDS / len(jobs), PLACE_SECONDS))

    def _with_places(self) -> list[str]:
        return [
            job_id
            for job_id, waiters in self._waiters.items()
            if any(waiter.shows_place for waiter in waiters)
        ]

    def _tell(self, message: str) -> None:
        try:
            events = parse_message(message)
        except (ValueError, KeyError, TypeError):
            log.warning("a foreign message on the events channel")
            return
        for event in events:
            if isinstance(event, StateChange):
                self._moves += 1
            for waiter in self._waiters.get(event.job_id, ()):
                waiter.offer(event)

    def _spoil_all(self) -> None:
        self._moves += 1
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.spoil()
