"""Calls of one moment travel together, and share nothing else."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from common.autopipeline import MOST_COMMANDS, AutoPipeline

Given = ParamSpec("Given")


def in_a_loop(test: Callable[Given, Coroutine[Any, Any, None]]) -> Callable[Given, None]:
    @wraps(test)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Road:
    """A server that answers when it is told to, and remembers what travelled together."""

    def __init__(self) -> None:
        self.trips: list[list[tuple[Any, ...]]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.trouble: Exception | None = None

    def pipeline(self, *, transaction: bool) -> "Trip":
        assert not transaction
        return Trip(self)


class Trip:
    def __init__(self, road: Road) -> None:
        self._road = road
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *command: Any) -> None:
        self._commands.append(command)

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        self._road.trips.append(self._commands)
        self._road.begun.set()
        await self._road.open.wait()
        if self._road.trouble:
            raise self._road.trouble
        return [ResponseError("no") if name == "BAD" else name for name, *_ in self._commands]


def line_on(road: Road) -> AutoPipeline:
    return AutoPipeline(road)  # type: ignore[arg-type]


async def behind_a_slow_trip(road: Road, line: AutoPipeline) -> "asyncio.Task[list[Any]]":
    """A first call that is on its way."""
    road.open.clear()
    first = asyncio.create_task(line.send([("FIRST",)]))
    await road.begun.wait()
    return first


@in_a_loop
async def test_what_comes_while_a_trip_is_under_way_travels_in_the_next() -> None:
    # Given a call on its way
    road = Road()
    line = line_on(road)
    first = await behind_a_slow_trip(road, line)
    # When three more come, one of them with two commands
    later = [
        asyncio.create_task(line.send(commands))
        for commands in ([("A",)], [("B",), ("C",)], [("BAD",), ("D",)])
    ]
    await asyncio.sleep(0)
    road.open.set()
    # Then they share the next trip, in order, and each has its own answers
    assert await first == ["FIRST"]
    assert await later[0] == ["A"]
    assert await later[1] == ["B", "C"]
    refusal, answer = await later[2]
    assert isinstance(refusal, ResponseError)
    assert answer == "D"
    assert road.trips == [[("FIRST",)], [("A",), ("B",), ("C",), ("BAD",), ("D",)]]


@in_a_loop
async def test_a_caller_who_leaves_takes_nobody_along() -> None:
    # Given two calls that wait for the same trip
    road = Road()
    line = line_on(road)
    first = await behind_a_slow_trip(road, line)
    gone, stays = (asyncio.create_task(line.send([(name,)])) for name in ("GONE", "STAYS"))
    await asyncio.sleep(0)
    # When one of them, and the one on its way, are cancelled
    gone.cancel()
    first.cancel()
    road.open.set()
    # Then the other is answered, with its own answer
    assert await stays == ["STAYS"]
    # And the line goes on
    assert await line.send([("NEXT",)]) == ["NEXT"]


@in_a_loop
async def test_who_waits_behind_a_server_that_is_away_is_told_at_once() -> None:
    # Given calls behind one that is on its way
    road = Road()
    line = line_on(road)
    calls = [await behind_a_slow_trip(road, line)]
    calls += [asyncio.create_task(line.send([("LATER",)])) for _ in range(3)]
    await asyncio.sleep(0)
    # When the server turns out to be away
    road.trouble = RedisConnectionError("away")
    road.open.set()
    # Then all hear it, and nothing more was sent
    for call in calls:
        with pytest.raises(RedisConnectionError):
            await call
    assert road.trips == [[("FIRST",)]]
    # And once it is back, the line goes on
    road.trouble = None
    assert await line.send([("BACK",)]) == ["BACK"]


@in_a_loop
async def test_a_trip_has_an_end_and_a_large_call_a_trip_of_its_own() -> None:
    road = Road()
    line = line_on(road)
    first = await behind_a_slow_trip(road, line)
    large = [("LARGE",)] * (MOST_COMMANDS + 1)
    calls = [asyncio.create_task(line.send(one)) for one in ([("A",)], large, [("B",)])]
    await asyncio.sleep(0)
    road.open.set()

    await asyncio.gather(first, *calls)

    assert [len(trip) for trip in road.trips] == [1, 1, MOST_COMMANDS + 1, 1]


@in_a_loop
async def test_a_real_server_answers_many_at_once(redis_url: str) -> None:
    # Given a real server
    redis = Redis.from_url(redis_url, decode_responses=True)
    line = AutoPipeline(redis)
    try:
        # When hundreds of clients ask at once
        answers = await asyncio.gather(*(line.send([("ECHO", str(n))]) for n in range(300)))
    finally:
        await redis.aclose()
    # Then each has its own answer
    assert answers == [[str(n)] for n in range(300)]
