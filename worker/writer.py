"""Sends new tokens to the record: all slots in one pipeline, off the engine's thread.

Tokens that somebody reads as they come go at once, with those of the slots that step together;
so does the first token of an attempt. The others gather for a moment: every round trip takes
time from the model's threads. What is unsent when a worker dies is made again. While Redis is
away tokens gather, too, and go out when it is back.
"""

from collections.abc import Callable
from threading import Event, Thread

import structlog
from redis.exceptions import RedisError

from common.scripts import Scripts
from worker.lease import Lease

log = structlog.get_logger()

#: How long the first token of a step waits for those of the other slots.
STEP_SECONDS = 0.001
#: How long tokens gather that nobody reads yet.
GATHER_SECONDS = 0.1
_RETRY_SECONDS = 0.5


class Writer:
    """One thread that appends for every lease that ``held`` names."""

    def __init__(self, scripts: Scripts, held: Callable[[], list[Lease]]) -> None:
        self._scripts = scripts
        self._held = held
        self._work = Event()
        self._stop = Event()

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._run, name="writer", daemon=True).start()

    def stop(self) -> None:
        """Stop it; what is unsent travels with finish or release."""
        self._stop.set()
        self._work.set()

    def wake(self) -> None:
        """Say that there are new tokens that cannot wait; returns at once."""
        self._work.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._work.wait(GATHER_SECONDS if self._held() else None):
                self._stop.wait(STEP_SECONDS)
                self._work.clear()
            try:
                self.flush()
            except RedisError as error:
                log.warning("tokens wait for redis", error=str(error))
                self._stop.wait(_RETRY_SECONDS)
                self._work.set()

    def flush(self) -> None:
        """Send one chunk for every lease that has one. Raises redis.RedisError."""
        chunks = [(lease, chunk) for lease in self._held() if (chunk := lease.unsent())]
        if not chunks:
            return
        answers = self._scripts.pipeline(
            ("append", (lease.job_id, lease.token, *chunk)) for lease, chunk in chunks
        )
        for (lease, _), (word, stored, *followed) in zip(chunks, answers, strict=True):
            if word == "lost":
                lease.lose()
            else:
                lease.acknowledge(stored)
                lease.followed = bool(followed)
