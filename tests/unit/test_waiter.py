"""A client's ear on a job: woken by what it hears, and by its own patience."""

import asyncio

from api.waiter import Hears, Waiter
from common.events import Chunk

#: Seconds that no test waits for.
LONG, SHORT = 3600.0, 0.001


def settled() -> Waiter:
    waiter = Waiter(Hears.ALL)
    waiter.settle()
    return waiter


def chunk(offset: int) -> Chunk:
    return Chunk("job_a", offset, 1, "a")


def offer_soon(waiter: Waiter, offset: int) -> None:
    asyncio.get_running_loop().call_soon(waiter.offer, chunk(offset))


def test_what_is_heard_ends_a_sleep_again_and_again() -> None:
    async def sleep() -> None:
        waiter = settled()
        for offset in range(3):
            offer_soon(waiter, offset)
            assert await waiter.heard(LONG) == [chunk(offset)]
        waiter.rest()

    asyncio.run(sleep())


def test_patience_ends_a_sleep_after_a_longer_one_and_after_a_shorter_one() -> None:
    async def sleep() -> None:
        # Given a waiter whose timer was set for a long sleep
        waiter = settled()
        offer_soon(waiter, 0)
        await waiter.heard(LONG)
        # Then a shorter one ends by itself
        assert await waiter.heard(SHORT) == []
        # And a longer one, for which the timer of a shorter one still stands
        offer_soon(waiter, 1)
        assert await waiter.heard(SHORT) == [chunk(1)]
        assert await waiter.heard(2 * SHORT) == []
        waiter.rest()

    asyncio.run(sleep())


def test_a_waiter_at_rest_leaves_no_timer_behind() -> None:
    async def sleep() -> None:
        waiter = settled()
        offer_soon(waiter, 0)
        await waiter.heard(LONG)
        waiter.rest()
        assert waiter._timer is None

    asyncio.run(sleep())
