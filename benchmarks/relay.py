"""A way to a server of this machine that can be tampered with."""

import asyncio
from threading import Event, Thread

_PIECE = 65536


class Relay:
    """Relays TCP to ``127.0.0.1:port`` from a thread of its own."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._upstream = port
        self._loop = asyncio.new_event_loop()
        self._through = asyncio.Event()
        self._through.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._listening = Event()
        self._thread = Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Return once it listens."""
        self._thread.start()
        if not self._listening.wait(10):
            raise RuntimeError("the relay does not listen")

    def cut(self) -> None:
        """Reset every connection that is open now, at both ends; what comes next goes through."""
        self._loop.call_soon_threadsafe(self._abort)

    def silence(self) -> None:
        """Keep connections, take new ones, and let nothing through.

        What is sent meanwhile arrives afterwards, late, as after a network's repair. After
        celery's BlackholeProxy (t/integration/test_connection_recovery.py).
        """
        self._loop.call_soon_threadsafe(self._through.clear)

    def speak(self) -> None:
        """Relay what is there, and go on."""
        self._loop.call_soon_threadsafe(self._through.set)

    def stop(self) -> None:
        """Drop all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        self._abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def _abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._through.wait()
        try:
            there = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.close()
            return
        self._open |= {writer, there[1]}
        await asyncio.gather(self._relay(reader, there[1]), self._relay(there[0], writer))

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                await self._through.wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
