"""Sends new tokens to the record: all slots in one call, off the engine's thread.

Tokens that somebody reads as they come go at once, with those of the slots that step together;
so does the first token of an attempt. The others gather for a moment: every round trip takes
time from the model's threads. What is unsent when a worker dies is made again. While Redis is
away tokens gather, too, and go out when it is back.
"""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog
from redis.exceptions import RedisError

from common.scripts import Scripts
from worker.lease import Lease

log = structlog.get_logger()

#: How long tokens gather that nobody reads yet.
GATHER_SECONDS = 0.1
_RETRY_SECONDS = 0.5


class Writer:
    """One thread that appends for every lease that ``held`` names."""

    def __init__(self, scripts: Scripts, held: Callable[[], list[Lease]]) -> None:
        self._scripts = scripts
        self._held = held
        self._calls: SimpleQueue[None] = SimpleQueue()  # waits without a line of Python
        self._stop = Event()

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._run, name="writer", daemon=True).start()

    def stop(self) -> None:
        """Stop it; what is unsent travels with finish or release."""
        self._stop.set()
        self.wake()

    def wake(self) -> None:
        """Say that there are new tokens that cannot wait; returns at once.

        The engine's thread, which calls this in the middle of a step, keeps the interpreter to
        the step's end: by the time that the writer goes, the tokens of all slots are there.
        """
        if self._calls.empty():
            self._calls.put(None)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._await_call(GATHER_SECONDS if self._held() else None)
            try:
                self.flush()
            except RedisError as error:
                log.warning("tokens wait for redis", error=str(error))
                self._stop.wait(_RETRY_SECONDS)
                self.wake()

    def _await_call(self, seconds: float | None) -> None:
        """Return when called, or after so long."""
        with suppress(Empty):
            self._calls.get(timeout=seconds)

    def flush(self) -> None:
        """Send one chunk for every lease that has one. Raises redis.RedisError."""
        chunks = [(lease, chunk) for lease in self._held() if (chunk := lease.unsent())]
        if not chunks:
            return
        answers = self._scripts(
            "step",
            *(part for lease, chunk in chunks for part in (lease.job_id, lease.token, *chunk)),
        )
        for (lease, _), (word, stored, *followed) in zip(chunks, answers, strict=True):
            if word == "lost":
                lease.lose()
            else:
                lease.acknowledge(stored)
                lease.followed = bool(followed)
