"""The four priorities and their queues: the single list that everything else reads."""

from collections.abc import Iterable
from enum import StrEnum


class Priority(StrEnum):
    """How soon a job should start; declared from first to last."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def queue(self) -> str:
        """The Celery queue (a Redis list of doorbells)."""
        return f"q.{self.value}"

    @property
    def waiting(self) -> str:
        """The waiting jobs (a Redis sorted set, job id -> enqueued ms)."""
        return f"wait:{self.value}"

    @property
    def share(self) -> float:
        """The part of MAX_QUEUE_SIZE that this class may fill, 0..1."""
        return _SHARES[self]


_SHARES = {Priority.URGENT: 1.0, Priority.HIGH: 0.95, Priority.NORMAL: 0.8, Priority.LOW: 0.6}

#: The Celery queue of deliveries: doorbells for the webhook workers.
WEBHOOK_QUEUE = "q.webhooks"

#: A job of these classes that finds no free slot gets that of the youngest low line of a batch,
#: an urgent or a high one that of any low job, and one whose user has no slot one of a user who
#: has several: see preempt.lua.
MAY_PREEMPT = frozenset({Priority.URGENT, Priority.HIGH, Priority.NORMAL})

#: Every n-th pick starts one class lower than usual, so that none starves.
STARVATION_INTERVAL = 20


class PriorityCycle:
    """kombu's ``queue_order_strategy``: strict priority, with a turn for the starving.

    The order comes from :class:`Priority`, never from the order in which queues were
    consumed: pausing and resuming a consumer would otherwise invert the priorities.
    """

    def __init__(self, it: Iterable[str] | None = None) -> None:
        self._queues: list[str] = []
        self._picks = 0
        self.update(it or ())

    def update(self, it: Iterable[str]) -> None:
        """Replace the consumed queues."""
        rank = {priority.queue: index for index, priority in enumerate(Priority)}
        self._queues = sorted(it, key=lambda queue: (rank.get(queue, len(rank)), queue))

    def consume(self, n: int) -> list[str]:
        """Return up to ``n`` queues, the one to look at first in front."""
        start = 0
        if self._queues and self._picks % STARVATION_INTERVAL == STARVATION_INTERVAL - 1:
            turn = self._picks // STARVATION_INTERVAL
            start = 1 + turn % max(1, len(self._queues) - 1)
        order = self._queues[start:] + self._queues[:start]
        return order[:n]

    def rotate(self, last_used: str) -> str:
        """Count a pick; the order itself stays."""
        self._picks += 1
        return last_used
