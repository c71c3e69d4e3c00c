"""``python -m benchmarks.hostile.bad PORT TOKEN FLOODER PER_SECOND OUT``: everything bad, in turn.

Until SIGTERM; then it writes how often it did what to the file OUT. The first request of each kind
has been answered when OUT is there.
"""

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.hostile.wire import Line, head, written

WORDS = ("the", "option", "of", "a", "price", "that", "falls", "when", "volatility", "rises")
MEGABYTE = 1_000_000
#: Requests that a flooder sends at once.
FLOOD = 10

Deed = Callable[["Bad"], Awaitable[None]]


def over_long() -> bytes:
    """A prompt of 99,000 characters, far over the context."""
    return written({"prompt": " ".join(random.choices(WORDS, k=30_000))[:99_000]})


BODIES = {
    "malformed": b'{"prompt": "x", "metadata": {' + b'"k": "v", ' * 90_000,
    "numbers": b'{"prompt": "x", "stop": [' + b"1," * 450_000 + b"1]}",
    "fields": written({"prompt": "x", **{f"field{n}": n for n in range(40_000)}}),
    "deep": b'{"prompt": ' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    "large": written({"prompt": "x" * (MEGABYTE + 100_000)}),
}
GOOD = written({"prompt": "What is an implied volatility rank?", "max_tokens": 50})


class Bad:
    """One process of bad clients."""

    def __init__(self, port: int, token: str, flooder: str) -> None:
        self.port, self.token, self.flooder = port, token, flooder
        self.done: Counter[str] = Counter()

    async def ask(self, body: bytes, token: str = "", path: str = "/generate") -> tuple[int, bytes]:
        """One request on a connection of its own."""
        line = await Line.open(self.port)
        try:
            return await line.ask(head("POST", path, token or self.token), body)
        finally:
            line.drop()

    async def do(self, name: str, deed: Deed) -> None:
        """Do it and count it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await deed(self)
        self.done[name] += 1


async def _prompt(bad: Bad) -> None:
    status, _ = await bad.ask(over_long())
    bad.done[f"over-long answered {status}"] += 1


async def _body(bad: Bad) -> None:
    name = random.choice(list(BODIES))
    status, _ = await bad.ask(BODIES[name])
    bad.done[f"{name} answered {status}"] += 1


async def _cancel(bad: Bad) -> None:
    _, answer = await bad.ask(GOOD)
    line = await Line.open(bad.port)
    await line.ask(head("DELETE", f"/jobs/{json.loads(answer)['id']}", bad.token))
    line.drop()


async def _leave(bad: Bad) -> None:
    """Go away in the middle of a stream."""
    _, answer = await bad.ask(GOOD)
    line = await Line.open(bad.port)
    line.send(head("GET", f"/jobs/{json.loads(answer)['id']}/events", bad.token))
    await line.reader.readuntil(b"\n\n")
    line.drop()


async def _hang_up(bad: Bad) -> None:
    """Go away while the answer is held back."""
    line = await Line.open(bad.port)
    line.send(head("POST", "/generate", bad.token, "prefer: wait=30"), GOOD)
    await asyncio.sleep(0.01)
    line.drop()


async def _flood(bad: Bad) -> None:
    """Many at once, far over the user's rate limit."""
    answers = await asyncio.gather(*(bad.ask(GOOD, bad.flooder) for _ in range(FLOOD)))
    bad.done.update(f"flood answered {status}" for status, _ in answers)


async def _stranger(bad: Bad) -> None:
    await bad.ask(BODIES["numbers"], "not.a.token")


DEEDS: dict[str, Deed] = {
    "over-long prompt": _prompt,
    "bad body": _body,
    "cancel": _cancel,
    "leaving a stream": _leave,
    "leaving a held answer": _hang_up,
    "flood": _flood,
    "stranger": _stranger,
}


async def main(bad: Bad, per_second: float, say: Callable[[str], object]) -> None:
    """Do one deed after the other, at a steady rate, whatever becomes of those before."""
    stop, doing = asyncio.Event(), set()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    for name, deed in DEEDS.items():
        await bad.do(name, deed)
    bad.done.clear()
    say("{}")
    while not stop.is_set():
        name = random.choice(list(DEEDS))
        task = asyncio.create_task(bad.do(name, DEEDS[name]))
        doing.add(task)
        task.add_done_callback(doing.discard)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.expovariate(per_second)):
                await stop.wait()
    say(json.dumps(bad.done))


if __name__ == "__main__":
    PORT, TOKEN, FLOODER, PER_SECOND, OUT = sys.argv[1:]
    uvloop.run(main(Bad(int(PORT), TOKEN, FLOODER), float(PER_SECOND), Path(OUT).write_text))
