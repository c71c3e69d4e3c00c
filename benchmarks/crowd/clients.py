"""Clients that cost next to nothing: HTTP/1.1 spoken by hand, a callback for what was read."""

import asyncio
import json
import re
import time
from collections.abc import Callable

from benchmarks.crowd.tally import Heard

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Reader(asyncio.Protocol):
    """One open connection that follows one job; ``done`` is called when nothing more comes."""

    def __init__(self, job_id: str, token: str, done: Callable[[], None]) -> None:
        self.heard = Heard(job_id)
        self._token = token
        self._done = done
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.heard.ended:
            self.heard.trouble = f"the connection was lost: {exc}"
            self._finish()

    def ask(self) -> None:
        """Send the request."""
        raise NotImplementedError

    def close(self) -> None:
        """Go away."""
        if self._transport is not None:
            self._transport.abort()

    def _get(self, path: str, *headers: str) -> None:
        lines = [f"GET {path} HTTP/1.1", "host: crowd", f"authorization: Bearer {self._token}"]
        if self._transport is not None:
            self._transport.write("\r\n".join([*lines, *headers, "", ""]).encode())

    def _finish(self) -> None:
        self.heard.ended = True
        self._done()


class Stream(Reader):
    """Reads server-sent events. A line belongs to one event, and to no head of a chunk."""

    def ask(self) -> None:
        self._get(f"/jobs/{self.heard.job_id}/events")

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"id: "):
                self._offset = int(line[4:])
            elif line.startswith(b"event: "):
                self._event = line[7:]
            elif line.startswith(b"data: "):
                self._take(line[6:], now)
            elif line.startswith(b"HTTP/1.1 ") and not line.startswith(b"HTTP/1.1 200"):
                self.heard.trouble = line.decode().strip()

    def _take(self, data: bytes, now: float) -> None:
        self.heard.events += 1
        if self._event == b"token":
            said = json.loads(data)
            self.heard.token(self._offset, said["tokens"], said["text"], now)
        elif self._event == b"done":
            self.heard.end(json.loads(data), now)
            self._finish()
        elif self._event == b"error":
            self.heard.trouble = data.decode()


class Poll(Reader):
    """Asks for the job with ``Prefer: wait`` until it has ended."""

    def ask(self) -> None:
        self._get(f"/jobs/{self.heard.job_id}", "prefer: wait=60")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        head, found, body = self._rest.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._rest = b""
        job = json.loads(body)
        self.heard.events += 1
        if not head.startswith(b"HTTP/1.1 200"):
            self.heard.trouble = body.decode()
        elif job["status"] in ("queued", "in_progress"):
            self.ask()
            return
        else:
            self.heard.end(job, time.monotonic())
        self._finish()
