"""Sends new tokens to the record: all slots in one pipeline, off the engine's thread.

While a pipeline is on its way tokens gather, so the chunks grow with the load. While Redis
is away they gather too, and go out when it is back.
"""

from collections.abc import Callable
from threading import Event, Thread

import structlog
from redis.exceptions import RedisError

from common.scripts import Scripts
from worker.lease import Lease

log = structlog.get_logger()

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
        """Say that there are new tokens; returns at once."""
        self._work.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._work.wait()
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
        for (lease, _), (word, stored) in zip(chunks, answers, strict=True):
            if word == "lost":
                lease.lose()
            else:
                lease.acknowledge(stored)
