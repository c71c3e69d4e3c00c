"""A way to the gateway that can be cut: what is under way is reset, what comes next goes through."""

import asyncio
from threading import Event, Thread

_PIECE = 65536


class CutCable:
    """Relays TCP to ``127.0.0.1:port`` from a thread of its own."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._upstream = port
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = Event()
        self._thread = Thread(target=self._run, name="cable", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Return once it listens."""
        self._thread.start()
        assert self._listening.wait(10)

    def cut(self) -> None:
        """Reset every connection that is open now, at both ends."""
        self._loop.call_soon_threadsafe(self._abort)

    def stop(self) -> None:
        """Relay nothing more."""
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
        there = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._open |= {writer, there[1]}
        await asyncio.gather(_relay(reader, there[1]), _relay(there[0], writer))


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
