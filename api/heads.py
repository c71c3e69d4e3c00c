"""HTTP/1.1 as uvicorn speaks it, less patience: a request's head is short and comes soon.

Without this a stranger could have any number of bytes of headers kept in memory, and any
number of connections open that never ask anything.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of request line and headers.
MOST_BYTES = 65_536
#: Seconds from connecting, or from a request's first byte, until its head must be whole.
LONGEST_SECONDS = 20.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = self.loop.call_later(LONGEST_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._patience is None:
            self._patience = self.loop.call_later(LONGEST_SECONDS, self._give_up)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._end_patience()
        super().on_headers_complete()

    def _give_up(self) -> None:
        self._patience = None
        self.transport.close()

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
