"""Requests that have no end, and clients that never begin."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from api import protocol
from api.protocol import BODY_SECONDS, BYTES_A_SECOND, HEAD_SECONDS, MOST_BYTES, HttpProtocol
from tests.support.gateway import Gateway

LONG = 1_000_000
POST = b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n"


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


@dataclass
class Timer:
    """What a loop's ``call_later`` gives."""

    when: float
    callback: Callable[..., None]
    arguments: tuple[Any, ...]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A loop whose time passes when it is told to; its tasks never begin."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        self.timers.append(Timer(self.now + seconds, callback, arguments))
        return self.timers[-1]

    def create_task(self, coroutine: Any, **_: Any) -> "Wire":
        coroutine.close()
        return Wire()

    def let_pass(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [one for one in self.timers if not one.cancelled and one.when <= until]:
            first = min(due, key=lambda one: one.when)
            self.timers.remove(first)
            self.now = first.when
            first.callback(*first.arguments)
        self.now = until


class Wire:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _: str) -> Any:
        return None

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: None


class Connection:
    """A client's connection to an app that never answers."""

    def __init__(self) -> None:
        self.clock, self.wire = Clock(), Wire()
        loop, transport, config = self.clock, self.wire, _config(_silent)
        self._protocol = HttpProtocol(config, ServerState(), {}, _loop=loop)
        self._protocol.connection_made(transport)  # type: ignore[arg-type]

    def send(self, data: bytes) -> None:
        if not self.wire.closed:
            self._protocol.data_received(data)


def _config(app: Any) -> Config:
    config = Config(app=app, lifespan="off", log_config=None)
    config.load()
    return config


async def _silent(_scope: Any, _receive: Any, _send: Any) -> None:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("pieces", "closed"),
    [
        pytest.param([], True, id="who never asks"),
        pytest.param([b"GET / HTTP/1.1\r\n", b"X: 1\r\n"], True, id="who never ends"),
        pytest.param([b"GET / HTTP/1.1\r\n", b"X: 1\r\n\r\n"], False, id="who asks"),
        pytest.param([POST % 4, b"12", b"34"], False, id="who sends all of a body"),
    ],
)
def test_patience_with_heads_ends(pieces: list[bytes], closed: bool) -> None:
    connection = Connection()
    for piece in pieces:
        connection.send(piece)
        connection.clock.let_pass(1)
    assert not connection.wire.closed
    connection.clock.let_pass(10 * HEAD_SECONDS)
    assert connection.wire.closed is closed


def test_a_body_that_only_drips_is_answered_408() -> None:
    # Given a client who announces a body
    connection = Connection()
    connection.send(POST % LONG)
    # When it sends a byte of it every second
    for _ in range(int(BODY_SECONDS)):
        connection.send(b"x")
        connection.clock.let_pass(1)
        still = not connection.wire.closed
    # Then it is told so, once its time is up, and the connection is closed
    assert still
    connection.clock.let_pass(1)
    assert connection.wire.closed
    assert connection.wire.written.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_a_body_that_comes_on_may_take_long() -> None:
    # Given a slow connection
    connection = Connection()
    connection.send(POST % LONG)
    # When a large body comes by it, for longer than any body may begin
    for _ in range(LONG // BYTES_A_SECOND):
        connection.send(b"x" * BYTES_A_SECOND)
        assert not connection.wire.closed
        connection.clock.let_pass(1)
    # Then it is read to its end
    connection.clock.let_pass(10 * BODY_SECONDS)
    assert (connection.clock.now > BODY_SECONDS, connection.wire.closed) == (True, False)


def test_who_waits_for_us_is_not_slow() -> None:
    # Given a body of which the app reads nothing, so that no more of it is taken
    connection = Connection()
    connection.send(POST % LONG)
    connection.send(b"x" * (LONG - 1))
    # When that takes long, then it is not the client's fault
    connection.clock.let_pass(LONG / BYTES_A_SECOND + 10 * BODY_SECONDS)
    assert not connection.wire.closed


def test_a_dripping_body_is_cut_off_on_a_real_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a server with little patience, whose app wants the whole body
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.1)
    left: list[str] = []

    async def reader(_scope: Any, receive: Any, _send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        left.append(message["type"])

    async def drip() -> bytes:
        loop, config = asyncio.get_running_loop(), _config(reader)
        server = await loop.create_server(
            lambda: HttpProtocol(config, ServerState(), {}), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            answer, request = await asyncio.open_connection("127.0.0.1", port)
            request.write(POST % LONG)
            answered = asyncio.ensure_future(answer.read())
            # When a client lets a body drip until it is answered
            while not answered.done():
                with suppress(ConnectionError):
                    request.write(b"x")
                    await request.drain()
                await asyncio.sleep(0.01)
            request.close()
            return await answered

    # Then that is a 408 and the end, and the app hears that the client has gone
    assert asyncio.run(drip()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert left == ["http.disconnect"]
