"""HTTP/1.1 as uvicorn speaks it, less patience: heads are short and come soon, bodies come on.

Without this a stranger could have any number of bytes of headers kept in memory, and any
number of connections open that never ask anything, or never have asked.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of request line and headers.
MOST_BYTES = 65_536
#: Seconds from connecting, or from a request's first byte, until its head must be whole.
HEAD_SECONDS = 20.0
#: Seconds until a body must be whole, and how many of its bytes make it one more.
BODY_SECONDS = 20.0
BYTES_A_SECOND = 5_000

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = self._in_body = False
        self._head_bytes = self._body_bytes = 0
        self._body_began = 0.0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_head = self._in_body = False
        self._end_patience()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()
            elif self._patience is None:
                self._wait(HEAD_SECONDS, self._give_up)
        elif self._in_body and self._patience is None:  # most are whole by now
            self._body_began = self.loop.time()
            self._wait(BODY_SECONDS, self._weigh_body)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._in_body, self._body_bytes = True, 0
        self._end_patience()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._end_patience()
        super().on_message_complete()

    def _weigh_body(self) -> None:
        """The time is up, unless enough has come for more, or it was we who did not read."""
        now = self.loop.time()
        if self.flow.read_paused:
            self._body_began = now
        allowed = BODY_SECONDS + self._body_bytes / BYTES_A_SECOND
        if (left := self._body_began + allowed - now) > 0:
            self._wait(left, self._weigh_body)
            return
        if not self.cycle.response_started:
            self.transport.write(_TOO_SLOW)
        self._give_up()

    def _give_up(self) -> None:
        self._patience = None
        self.transport.close()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._patience = self.loop.call_later(seconds, then)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
