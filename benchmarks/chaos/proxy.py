"""A network that goes silent: connections stay open, and nothing comes through.

After celery's BlackholeProxy (t/integration/test_connection_recovery.py).
"""

import asyncio
from threading import Event, Thread

_PIECE = 65536


class BlackholeProxy:
    """Relays TCP to ``127.0.0.1:port`` from a thread of its own.

    While silent it takes connections and relays nothing; what was sent meanwhile arrives
    afterwards, late, as after a network's repair.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self._upstream = port
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._listening = Event()
        self._thread = Thread(target=self._run, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Return once it listens."""
        self._thread.start()
        self._listening.wait(10)

    def silence(self) -> None:
        """Relay nothing from now on."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def speak(self) -> None:
        """Relay what is there, and go on."""
        self._loop.call_soon_threadsafe(self._open.set)

    def stop(self) -> None:
        """Drop all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        try:
            there = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._relay(reader, there[1]), self._relay(there[0], writer))

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                await self._open.wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
