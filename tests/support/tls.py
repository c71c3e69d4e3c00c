"""TLS for tests: certificates, and a front that speaks it before a server that cannot."""

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from typing import Self

import trustme


class Certificates:
    """A CA of the test's own, and the certificate of ``localhost`` that it signed."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        ca = trustme.CA()
        certificate = ca.issue_cert("localhost", "127.0.0.1")
        self.ca = directory / "ca.pem"
        self.chain = directory / "server.pem"
        self.key = directory / "server.key"
        ca.cert_pem.write_to_path(self.ca)
        self.chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(self.key)
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(self.server)

    def client(self) -> ssl.SSLContext:
        """A context that trusts this CA and nobody else."""
        return ssl.create_default_context(cafile=str(self.ca))


class TlsFront:
    """Ends TLS on a port of its own and passes the bytes on to ``behind``."""

    def __init__(self, behind: int, certificates: Certificates) -> None:
        self._behind = behind
        self._context = certificates.server
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._listening = threading.Event()
        self.port = 0
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            await asyncio.gather(_pass_on(reader, behind_writer), _pass_on(behind_reader, writer))
        finally:
            for one in (writer, behind_writer):
                one.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
