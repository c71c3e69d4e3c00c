"""An upstream that breaks on demand: each request takes the next of a list of manners."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: How one request is answered; what it leaves unsaid is cut off.
Manner = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request, and the means to answer it."""

    protocol_version = "HTTP/1.1"
    server: "FakeUpstream"

    def do_GET(self) -> None:
        self.answer(200, {"object": "list", "data": [{"id": "fake", "max_model_len": 512}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.keys.append(self.headers.get("Authorization", ""))
        self.server.next_manner()(self)
        self.close_connection = True

    def answer(self, status: int, body: Any, **headers: str) -> None:
        """A whole answer."""
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        """The head of a stream that ends when the connection does."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def say(self, *words: str) -> None:
        """One event a word, each with its log-probability."""
        for word in words:
            told = [{"token": word, "logprob": -0.5, "top_logprobs": []}]
            self.event(
                choices=[{"index": 0, "delta": {"content": word}, "logprobs": {"content": told}}]
            )

    def end(self, reason: str = "stop", **usage: Any) -> None:
        """Why it ends, the usage, and [DONE]."""
        self.event(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])
        if usage:
            self.event(choices=[], usage=usage)
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, **data: Any) -> None:
        """Any event."""
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.server.left.set()

    def log_message(self, *args: Any) -> None:
        pass


@dataclass
class FakeUpstream(ThreadingHTTPServer):
    """Serves on a free port of loopback; ``asked`` are the bodies that came."""

    manners: Sequence[Manner]
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.daemon_threads = True
        super().__init__(("127.0.0.1", 0), Exchange)
        self._manners = iter(self.manners)

    @property
    def url(self) -> str:
        """As UPSTREAM_URL takes it."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def next_manner(self) -> Manner:
        """How the next request is answered; the last one is for all that follow."""
        manner = next(self._manners, None)
        return manner or self.manners[-1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(*manners: Manner) -> Iterator[FakeUpstream]:
    """A fake that answers until the end of the block."""
    server = FakeUpstream(manners)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def whole(*words: str, reason: str = "stop", **usage: Any) -> Manner:
    """A good answer."""

    def manner(exchange: Exchange) -> None:
        exchange.begin()
        exchange.say(*words)
        exchange.end(reason, **usage)

    return manner


def broken_after(*words: str) -> Manner:
    """The connection ends in the middle."""

    def manner(exchange: Exchange) -> None:
        exchange.begin()
        exchange.say(*words)

    return manner


def silent_after(*words: str, until: threading.Event) -> Manner:
    """It says no more, and stays."""

    def manner(exchange: Exchange) -> None:
        exchange.begin()
        exchange.say(*words)
        until.wait(30)

    return manner


def refused(status: int, message: str = "no", **headers: str) -> Manner:
    """An error as OpenAI's API words it."""

    def manner(exchange: Exchange) -> None:
        exchange.answer(status, {"error": {"message": message}}, **headers)

    return manner
