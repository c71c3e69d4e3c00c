"""A receiver at the level of sockets, which may behave as badly as a test wants."""

import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from threading import Event, Thread

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Listener:
    """Listens on loopback; ``requests`` has what each connection brought."""

    def __init__(
        self, behave: "Behaviour", address: str, port: int, tls: ssl.SSLContext | None
    ) -> None:
        self._socket = socket.create_server((address, port))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.over = Event()
        self._behave = behave
        self._tls = tls

    def read(self, connection: socket.socket) -> None:
        """Take in a whole request, as what is left unread would break the connection."""
        request = b""
        while not _is_whole(request):
            received = connection.recv(65_536)
            if not received:
                return
            request += received
        self.requests.append(request)

    def serve(self) -> None:
        """One connection after the other, until the socket is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                with (
                    contextlib.suppress(OSError),
                    connection,
                    self._secured(connection) as secured,
                ):
                    self._behave(secured, self)

    def close(self) -> None:
        """Let go of whoever still waits, and of the port."""
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)


#: What is done with a connection.
Behaviour = Callable[[socket.socket, Listener], None]


def answering(answer: bytes) -> Behaviour:
    """Reads a request and answers with these bytes."""

    def behave(connection: socket.socket, listener: Listener) -> None:
        listener.read(connection)
        connection.sendall(answer)

    return behave


def dripping(answer: bytes, seconds: float = 0.02) -> Behaviour:
    """Answers a byte at a time."""

    def behave(connection: socket.socket, listener: Listener) -> None:
        listener.read(connection)
        for byte in answer:
            connection.sendall(bytes([byte]))
            if listener.over.wait(seconds):
                return

    return behave


def pouring(head: bytes, more: bytes) -> Behaviour:
    """Answers without an end."""

    def behave(connection: socket.socket, listener: Listener) -> None:
        listener.read(connection)
        connection.sendall(head)
        while not listener.over.is_set():
            connection.sendall(more)

    return behave


def silent(connection: socket.socket, listener: Listener) -> None:
    """Neither reads nor writes."""
    listener.over.wait()


@contextlib.contextmanager
def listening(
    behave: Behaviour | None = None,
    address: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Listener]:
    """A started listener that answers 200, unless told to behave otherwise."""
    listener = Listener(behave or answering(OK), address, port, tls)
    thread = Thread(target=listener.serve)
    thread.start()
    try:
        yield listener
    finally:
        listener.close()
        thread.join()
