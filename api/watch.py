"""One Redis reader for many waiters: long polls and streams alike.

What is published may be missed: while the reader reconnects, or when a waiter is slow. A
waiter that may have missed something is *stale*, and heals with one read of the store.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from common.events import Chunk, StateChange, parse_event
from common.keys import EVENTS_CHANNEL

log = structlog.get_logger()

#: Seconds of silence after which the server is asked whether it is there.
SILENCE_SECONDS = 5.0
RECONNECT_SECONDS = (0.1, 2.0)
#: Waiters that may read the store at once: a reconnect makes all of them stale.
HEALING_AT_ONCE = 16


class Waiter:
    """One client's ear on one job; stale at first, so that it begins with a read."""

    def __init__(self, *, chunks: bool, capacity: int = 256) -> None:
        self.stale = True
        self.chunks = chunks
        self._capacity = capacity
        self._events: deque[Chunk | StateChange] = deque()
        self._awake = asyncio.Event()

    def offer(self, event: Chunk | StateChange) -> None:
        """Take note of an event; never blocks. One too many makes the waiter stale."""
        if isinstance(event, Chunk) and not self.chunks:
            return
        if len(self._events) >= self._capacity:
            self.spoil()
        elif not self.stale:
            self._events.append(event)
        self._awake.set()

    def spoil(self) -> None:
        """Something may have been missed: read the store."""
        self.stale = True
        self._events.clear()
        self._awake.set()

    def settle(self) -> None:
        """The store is about to be read: what is offered from now on counts."""
        self.stale = False

    async def next(self, patience: float) -> Chunk | StateChange | None:
        """The next event; None after ``patience`` seconds, and when it is time to heal."""
        if not self._events and not self.stale:
            self._awake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._awake.wait()
        return self._events.popleft() if self._events else None


class Watcher:
    """Reads the events channel and tells those who wait."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._waiters: dict[str, set[Waiter]] = {}
        #: Changes of state heard of so far: while it stands still, so does the queue.
        self.moves = 0
        #: Held while a waiter reads the store.
        self.healing = asyncio.Semaphore(HEALING_AT_ONCE)

    @contextmanager
    def watch(self, job_id: str, *, chunks: bool = False) -> Iterator[Waiter]:
        """Listen to a job. Subscribe first, read the store afterwards: nothing is missed."""
        waiter = Waiter(chunks=chunks)
        self._waiters.setdefault(job_id, set()).add(waiter)
        try:
            yield waiter
        finally:
            self._waiters[job_id].discard(waiter)
            if not self._waiters[job_id]:
                del self._waiters[job_id]

    def watched(self, job_id: str) -> bool:
        """Whether anybody here waits for the job."""
        return job_id in self._waiters

    def long_polls(self) -> int:
        """How many wait for an end and read no chunks."""
        everybody = (waiter for waiters in self._waiters.values() for waiter in waiters)
        return sum(not waiter.chunks for waiter in everybody)

    async def run(self) -> None:
        """Read until cancelled, reconnecting for ever."""
        low, high = RECONNECT_SECONDS
        delay = low
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(EVENTS_CHANNEL)
                    delay = low
                    await self._read(channel)
            except RedisError as error:
                log.warning("events are not heard", error=str(error))
            except Exception:  # every waiter lives by this loop
                log.exception("events are not heard")
            await asyncio.sleep(delay)
            delay = min(high, delay * 2)

    async def _read(self, channel: Any) -> None:
        asked = False
        while True:
            message = await channel.get_message(timeout=SILENCE_SECONDS)
            if message is None:
                if asked:
                    raise RedisConnectionError("no answer to a ping")
                await channel.ping()
            asked = message is None
            if message is not None and message["type"] == "subscribe":
                self._spoil_all()
            elif message is not None and message["type"] == "message":
                self._tell(message["data"])

    def _tell(self, message: str) -> None:
        try:
            event = parse_event(message)
        except (ValueError, KeyError, TypeError):
            log.warning("a foreign message on the events channel")
            return
        if isinstance(event, StateChange):
            self.moves += 1
        for waiter in self._waiters.get(event.job_id, ()):
            waiter.offer(event)

    def _spoil_all(self) -> None:
        self.moves += 1
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.spoil()
