"""Request heads that have no end, and clients that never begin."""

import asyncio
import socket
from typing import Any

import psutil
import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from api import heads
from api.heads import MOST_BYTES, HttpProtocol
from tests.support.gateway import Gateway


def ask(gateway: Gateway, head: bytes) -> str:
    """The first line of the answer; empty where the connection is closed."""
    with socket.create_connection(("127.0.0.1", gateway.stack.api_port), 10) as client:
        try:
            client.sendall(head)
        except (BrokenPipeError, ConnectionResetError):
            return ""
        try:
            return client.recv(65_536).decode().partition("\r\n")[0]
        except ConnectionResetError:
            return ""


def head(size: int, end: bytes = b"\r\n\r\n") -> bytes:
    """A request's head of so many bytes."""
    start = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Filler: "
    return start + b"a" * (size - len(start) - len(end)) + end


def test_a_head_as_browsers_send_it_is_read(gateway: Gateway) -> None:
    assert ask(gateway, head(8_000)) == "HTTP/1.1 200 OK"
    assert ask(gateway, head(MOST_BYTES - 100)) == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["one line", "many lines"])
def test_a_head_without_end_is_refused_and_not_kept(gateway: Gateway, end: bytes) -> None:
    # Given a gateway's memory before
    process = psutil.Process(gateway.stack.processes["gateway"].pid)
    before = process.memory_info().rss
    # When clients send it head after head of a megabyte, then each is refused
    for _ in range(20):
        lines = b"X-A: " + b"a" * 1000 + end
        answer = ask(gateway, b"GET / HTTP/1.1\r\n" + lines * 1000)
        assert answer in ("HTTP/1.1 431 Request Header Fields Too Large", "")
    # And nothing of them stays
    assert process.memory_info().rss - before < 10 * 1024 * 1024


def test_requests_on_one_connection_are_counted_one_by_one(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.stack.api_port), 10) as client:
        for _ in range(4):
            client.sendall(head(30_000))
            heard = b""
            while b"alive" not in heard:
                heard += client.recv(65_536)
            assert heard.startswith(b"HTTP/1.1 200")


class Wire:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _: str) -> Any:
        return None

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: None


@pytest.mark.parametrize(
    ("pieces", "closed"),
    [
        pytest.param([], True, id="who never asks"),
        pytest.param([b"GET / HTTP/1.1\r\n", b"X: 1\r\n"], True, id="who never ends"),
        pytest.param([b"GET / HTTP/1.1\r\n", b"X: 1\r\n\r\n"], False, id="who asks"),
    ],
)
def test_patience_ends(monkeypatch: pytest.MonkeyPatch, pieces: list[bytes], closed: bool) -> None:
    monkeypatch.setattr(heads, "LONGEST_SECONDS", 0.05)

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(60)

    async def connect() -> bool:
        config = Config(app=app, lifespan="off", log_config=None)
        config.load()
        wire: Any = Wire()
        protocol = HttpProtocol(config=config, server_state=ServerState(), app_state={})
        protocol.connection_made(wire)
        for piece in pieces:
            protocol.data_received(piece)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.2, over.set_result, None)
        await over
        for task in protocol.tasks:
            task.cancel()
        return bool(wire.closed)

    assert asyncio.run(connect()) is closed
