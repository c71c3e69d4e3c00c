"""A receiver of webhooks on this machine that notes what it gets, and may misbehave."""

import select
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from cli.ports import any_free
from common.webhooks import EventType


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and after how many seconds; status 0 closes without a word."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request. Times are seconds of ``time.time()``; ``status`` None: it was not answered."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    began: float
    ended: float = 0.0
    status: int | None = None

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


#: From a request to what it is answered.
Behaviour = Callable[[Receipt], Reply]

OK = Reply()


class Sink:
    """Listens on one port of 127.0.0.1; stopped and started again it keeps the port.

    ``arrived`` has every request as it came, ``receipts`` as it ended, each in that order.
    """

    def __init__(self, behave: Behaviour = lambda _: OK) -> None:
        self.behave = behave
        self.port = any_free()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.arrived: list[Receipt] = []
        self.receipts: list[Receipt] = []
        self._lock = Lock()
        self._server: _Server | None = None

    def start(self) -> None:
        """Return once it listens."""
        self._server = _Server(("127.0.0.1", self.port), self)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections; what is being answered is answered."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def got(self, event: EventType) -> list[Receipt]:
        """The requests of one type of event that were answered."""
        kind = f'"{event}"'.encode()
        return [r for r in self.receipts if kind in r.body and r.status is not None]

    def arrive(self, receipt: Receipt) -> None:
        with self._lock:
            self.arrived.append(receipt)

    def note(self, receipt: Receipt) -> None:
        with self._lock:
            self.receipts.append(receipt)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sink: Sink) -> None:
        super().__init__(address, _Handler)
        self.sink = sink


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    wbufsize = -1
    timeout = 60

    def do_POST(self) -> None:
        self.close_connection = True
        began = time.time()
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the caller died in the middle of its request: there was none
        headers = {name.lower(): value for name, value in self.headers.items()}
        receipt = Receipt(self.path, headers, body, began)
        self.server.sink.arrive(receipt)
        reply = self.server.sink.behave(receipt)
        left = _caller_left(self.connection, reply.after_seconds) if reply.after_seconds else False
        status = None if left or not reply.status else reply.status
        self.server.sink.note(Receipt(self.path, headers, body, began, time.time(), status))
        if status is not None:
            self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        try:
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            self.wfile.flush()
        except OSError:
            return  # the caller has left: it will come again

    def log_message(self, *_: object) -> None:
        pass


def _caller_left(connection: socket.socket, seconds: float) -> bool:
    """Wait so long; True as soon as the caller closes the connection."""
    readable, _, _ = select.select([connection], [], [], seconds)
    return bool(readable)
