"""Celery's own worker, run inside one of our processes."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import Celery, signals

from worker.pool import PoolHooks, pool_class
from worker.strict import StrictConsumer

#: How long events of tasks gather.
TELL_SECONDS = 0.5


class PatientConsumer(StrictConsumer):
    """Tells of its tasks, for Flower, a moment later and of many at once: no job waits for that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told_by = 0.0

    def on_send_event_buffered(self) -> None:
        """An event is to be sent; called from any thread."""
        now = time.monotonic()
        if self.hub and now >= self._told_by:
            self._told_by = now + TELL_SECONDS
            self.hub.call_soon(self._tell_later)

    def stop(self) -> None:
        """End, with everything told."""
        self._flush_events()
        super().stop()

    def _tell_later(self) -> None:
        self.hub.call_later(TELL_SECONDS, self._flush_events)


def run_celery(
    app: Celery, name: str, hooks: PoolHooks, concurrency: int, dropped: Callable[[], None]
) -> int:
    """Consume until SIGTERM and drain; return the exit status.

    ``name`` is ``role@id``; ``dropped`` is called for each message that was thrown away.
    """
    signals.setup_logging.connect(lambda **_: None, weak=False)
    worker = app.Worker(
        hostname=name,
        pool_cls=pool_class(hooks),
        consumer_cls=partial(PatientConsumer, dropped=dropped),
        concurrency=concurrency,
        task_events=True,
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
