"""Connections that go to checked addresses alone, and end when the time or the bytes are spent."""

import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Any

from httpcore2 import ConnectError, NetworkBackend, NetworkStream, ReadError, WriteError
from typing_extensions import override

from common.addresses import Address
from worker.webhooks.egress.deadline import Deadline
from worker.webhooks.egress.errors import TlsFailed


class Spent(Exception):
    """All the bytes that may be read have been read."""


class PinnedBackend(NetworkBackend):
    """Connects to one of the addresses, whatever the name may lead to by now."""

    def __init__(self, addresses: Sequence[Address], deadline: Deadline, read_limit: int) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._read_limit = read_limit

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """The first address that answers; each has its share of the time. Raises TimedOut."""
        left = len(self._addresses)
        for address in self._addresses:
            try:
                connected = socket.create_connection(
                    (str(address), port), self._deadline.left() / left
                )
            except OSError:
                left -= 1
                continue
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Stream(connected, self._deadline, self._read_limit)
        self._deadline.left()
        raise ConnectError(f"no connection to {host} at port {port}")


class _Stream(NetworkStream):
    """A socket under the deadline: no single call, nor all of them, outlive it."""

    def __init__(self, connected: socket.socket, deadline: Deadline, read_limit: int) -> None:
        self._socket = connected
        self._deadline = deadline
        self._unread = read_limit

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unread == 0:
            raise Spent
        self._socket.settimeout(self._deadline.left())
        try:
            received = self._socket.recv(min(max_bytes, self._unread))
        except TimeoutError:
            raise self._deadline.passed() from None
        except OSError as error:
            raise ReadError(str(error)) from error
        self._unread -= len(received)
        return received

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        unsent = memoryview(buffer)
        try:
            while unsent:
                self._socket.settimeout(self._deadline.left())
                unsent = unsent[self._socket.send(unsent) :]
        except TimeoutError:
            raise self._deadline.passed() from None
        except OSError as error:
            raise WriteError(str(error)) from error

    @override
    def close(self) -> None:
        self._socket.close()

    @override
    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        self._socket.settimeout(self._deadline.left())
        try:
            secure = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError:
            self.close()
            raise self._deadline.passed() from None
        except ssl.SSLError as error:
            self.close()
            raise TlsFailed(f"TLS failed: {error.reason or error}.") from error
        except OSError as error:
            self.close()
            raise ConnectError(str(error)) from error
        return _Stream(secure, self._deadline, self._unread)

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None
