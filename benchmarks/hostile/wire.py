"""HTTP/1.1 by hand: a request costs its client next to nothing."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any, Self

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> Self:
        """To 127.0.0.1."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request and read its whole answer: status and body."""
        self.send(head, body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer)
        read = await self.reader.readexactly(int(length[1])) if length else b""
        return int(answer[9:12]), read

    def send(self, head: str, body: bytes = b"") -> None:
        """Send a request."""
        self.writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    def drop(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()


def head(method: str, path: str, token: str, *headers: str) -> str:
    """The head of a request, less the length of its body."""
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"authorization: Bearer {token}"]
    return "\r\n".join([*lines, "content-type: application/json", *headers, ""])


def written(body: Any) -> bytes:
    """A body as JSON."""
    return json.dumps(body).encode()
