"""Clients that go away in the middle of an answer."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Any, TypeVar

from prometheus_client import Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.identity.vigil import Vigil
from api.limits import TooManyStreams
from api.problems import Unauthorized

T = TypeVar("T")


class ClientLeft(Exception):
    """The client closed its connection; nobody reads the answer."""


async def while_connected(scope: Scope, receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, stopped with ClientLeft as soon as the client is gone.

    It is stopped with Unauthorized soon after the client has lost its right to the answer.
    The body of the request must have been read.
    """
    stop = _Stop()
    with _vigil(scope, stop.lost_right):
        leaving = asyncio.create_task(_left(receive, stop))
        try:
            return await work
        except asyncio.CancelledError:
            stop.explain()
            raise
        finally:
            leaving.cancel()


class _Stop:
    """Ends the task that made it, for a reason: one task less than waiting for both would take."""

    __slots__ = ("_because", "_task")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._because: Exception | None = None

    def left(self) -> None:
        """The client is gone."""
        self._end(ClientLeft())

    def lost_right(self) -> None:
        """The client may not have the answer any more."""
        self._end(
            Unauthorized("You may not see this any more: log in again.", error="invalid_token")
        )

    def explain(self) -> None:
        """Raise the reason, unless somebody else has cancelled the task too."""
        if self._because is not None and self._task and self._task.uncancel() == 0:
            raise self._because from None

    def _end(self, because: Exception) -> None:
        if self._because is None and self._task:
            self._because = because
            self._task.cancel()


def _vigil(scope: Scope, lost_right: Callable[[], None]) -> AbstractContextManager[None]:
    """Over who asks; one that never ends where anybody may."""
    who = scope["state"].get("principal")
    if who is None:
        return nullcontext()
    vigil: Vigil = scope["app"].state.caravan.vigil
    return vigil.over(who, lost_right)


async def _left(receive: Receive, stop: _Stop) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stop.left()


class EventStream(Response):
    """``text/event-stream`` from frames; ``on_leave`` runs if the client goes before the end."""

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[bytes],
        on_leave: Callable[[], Awaitable[None]],
        open_streams: Gauge,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._frames = frames
        self._on_leave = on_leave
        self._open_streams = open_streams
        self.status_code = 200
        self.background = None
        own = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self.init_headers({**(headers or {}), **own})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who, seats = scope["state"]["principal"].user, scope["app"].state.caravan.seats
        try:
            async with seats.seat(who):
                await self._follow(scope, receive, send)
        except TooManyStreams:
            await self._on_leave()
            raise

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._open_streams.track_inprogress():
            try:
                await while_connected(scope, receive, self._send(send))
            except ClientLeft:
                await self._on_leave()
            except Unauthorized as problem:
                await send({"type": "http.response.body", "body": _goodbye(problem)})
                await self._on_leave()

    async def _send(self, send: Send) -> None:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        async with aclosing(self._frames) as frames:
            async for body in frames:
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _goodbye(problem: Unauthorized) -> bytes:
    """The last event, in words that clients of either API read."""
    body = problem.body("", "")
    said = {"code": problem.code, "message": problem.detail, "error": body["error"]}
    return f"event: error\ndata: {json.dumps(said)}\n\n".encode()
