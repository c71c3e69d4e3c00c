"""Clients that go away in the middle of an answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from prometheus_client import Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


class ClientLeft(Exception):
    """The client closed its connection; nobody reads the answer."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, stopped with ClientLeft as soon as the client is gone.

    The body of the request must have been read.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        with self._open_streams.track_inprogress():
            try:
                await while_connected(receive, self._send(send))
            except ClientLeft:
                await self._on_leave()

    async def _send(self, send: Send) -> None:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        async with aclosing(self._frames) as frames:
            async for body in frames:
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
