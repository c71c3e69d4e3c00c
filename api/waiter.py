"""One client's ear on one job: what it wants to be woken for, and what it has heard."""

import asyncio
from enum import Enum

from common.events import Chunk, StateChange

Event = Chunk | StateChange


class Hears(Enum):
    """What a waiter wants to be woken for."""

    ENDS = "the last change of state"
    MOVES = "every change of state"
    ALL = "chunks too"


class Waiter:
    """One client's ear on one job; stale at first, so that it begins with a read.

    Thousands of them sleep at once: while nothing happens, a waiter is a future and a timer. The
    timer outlives the sleep: who is woken for every token sets it once in many.
    """

    __slots__ = (
        *("_alarm", "_capacity", "_events", "_timer", "_until"),
        *("hears", "shows_place", "stale"),
    )

    def __init__(self, hears: Hears, *, capacity: int = 256) -> None:
        self.stale = True
        self.hears = hears
        #: Whether it shows a place in the queue, which may change without an event.
        self.shows_place = False
        self._capacity = capacity
        self._events: list[Event] = []
        self._alarm: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0  #: when the sleep under way ends by itself

    def offer(self, event: Event) -> None:
        """Take note of an event; never blocks. One too many makes the waiter stale."""
        if isinstance(event, Chunk):
            if self.hears is not Hears.ALL:
                return
        elif self.hears is Hears.ENDS and not event.status.terminal:
            return
        if len(self._events) >= self._capacity:
            self.spoil()
        elif not self.stale:
            self._events.append(event)
            self._wake()

    def spoil(self) -> None:
        """Something may have been missed: read the store."""
        self.stale = True
        self._events = []
        self._wake()

    def settle(self) -> None:
        """The store is about to be read: what is offered from now on counts."""
        self.stale = False

    async def heard(self, patience: float) -> list[Event]:
        """What was heard; nothing after ``patience`` seconds, and when it is time to heal."""
        if not self._events and not self.stale and patience > 0:
            await self._sleep(patience)
        events, self._events = self._events, []
        return events

    def rest(self) -> None:
        """Nobody sleeps here any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._alarm = loop.create_future()
        self._until = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self._set_timer(loop)
        try:
            await self._alarm
        finally:
            self._alarm = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self.rest()
        self._timer = loop.call_at(self._until, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake who sleeps; later, if the sleep for which this was set is long over."""
        self._timer = None
        if self._alarm is not None and loop.time() < self._until:
            self._set_timer(loop)
        else:
            self._wake()

    def _wake(self) -> None:
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)
