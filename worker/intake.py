"""Whether this worker takes doorbells off the queues; can be changed from any thread.

Celery has no such switch that keeps a message safe: kombu would leave one that it had
already popped in its socket until the consumer goes on. So a pause lets the one BRPOP that
is under way end, and sends no other; what it still brings is rung again for other workers.
"""

from collections.abc import Callable
from typing import Any

from celery import bootsteps


class Intake:
    """Open, paused, or closed for good."""

    def __init__(self) -> None:
        self._paused = False
        self._closed = False
        self._wake: Callable[[], object] = lambda: None

    @property
    def open(self) -> bool:
        """Whether jobs are taken."""
        return not (self._paused or self._closed)

    def pause(self) -> None:
        """Take nothing until ``resume``."""
        self._paused = True

    def resume(self) -> None:
        """Take jobs again, at once."""
        self._paused = False
        self._wake()

    def look(self) -> None:
        """Look for a message at once: a slot has become free."""
        self._wake()

    def close(self) -> None:
        """Take nothing any more."""
        self._closed = True

    def step(self) -> type[bootsteps.StartStopStep]:
        """The part of Celery's consumer that asks here before it looks for a message."""
        intake = self

        class IntakeStep(bootsteps.StartStopStep):  # type: ignore[misc]
            requires = ("celery.worker.consumer.tasks:Tasks",)

            def start(self, consumer: Any) -> None:
                channel = consumer.task_consumer.channel
                has_free_slot = channel.qos.can_consume

                def can_consume() -> bool:
                    return bool(has_free_slot() if intake.open else channel._in_poll)  # noqa: SLF001

                channel.qos.can_consume = can_consume
                intake._wake = lambda: consumer.call_soon(lambda: None)

        return IntakeStep
