"""Calls of one moment travel together: what a client of Redis costs is paid once for all.

Known as group commit, or automatic pipelining: while one round trip is under way, the calls
that come wait, and the next takes all of them. Nobody waits for others where there are none.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from redis.asyncio import Redis

#: Put around every round trip, to time it.
Timed = Callable[[], AbstractContextManager[None]]

#: One command with its arguments.
Command = tuple[Any, ...]

#: Commands of one round trip, unless a single call has more.
MOST_COMMANDS = 64


class _Call(NamedTuple):
    commands: Sequence[Command]
    answered: "asyncio.Future[list[Any]]"


class AutoPipeline:
    """Sends commands in as few round trips as there are moments; in the order of their coming.

    A caller that is cancelled does not take its commands back: they may have been sent.
    """

    def __init__(self, redis: "Redis", timed: Timed = nullcontext) -> None:
        self._redis = redis
        self._timed = timed
        self._waiting: deque[_Call] = deque()
        self._driver: asyncio.Task[None] | None = None

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in order, errors of the server among them. Raises redis.RedisError."""
        call = _Call(commands, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive(), name="autopipeline")
        return await call.answered

    async def _drive(self) -> None:
        """Go as long as anybody waits."""
        while self._waiting:
            calls = self._board()
            try:
                answers = await self._go([one for call in calls for one in call.commands])
            except Exception as error:  # noqa: BLE001 - whatever it is, each caller gets it
                # Those who waited behind a server that is away are told now, not in turn.
                _fail([*calls, *self._waiting], error)
                self._waiting.clear()
            else:
                _hand_out(calls, answers)

    def _board(self) -> list[_Call]:
        """Those who have waited longest, as many as one round trip takes."""
        calls, room = [self._waiting.popleft()], MOST_COMMANDS
        room -= len(calls[0].commands)
        while self._waiting and len(self._waiting[0].commands) <= room:
            calls.append(self._waiting.popleft())
            room -= len(calls[-1].commands)
        return calls

    async def _go(self, commands: Sequence[Command]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        with self._timed():
            return await pipe.execute(raise_on_error=False)


def _hand_out(calls: Sequence[_Call], answers: Sequence[Any]) -> None:
    start = 0
    for call in calls:
        end = start + len(call.commands)
        if not call.answered.done():  # its caller was cancelled
            call.answered.set_result(list(answers[start:end]))
        start = end


def _fail(calls: Sequence[_Call], error: Exception) -> None:
    for call in calls:
        if not call.answered.done():
            call.answered.set_exception(error)
