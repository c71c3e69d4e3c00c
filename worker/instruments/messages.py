"""What lies in a worker's queues."""

from prometheus_client import CollectorRegistry, Counter


class MessageInstruments:
    """Celery's messages; those that are doorbells are counted as attempts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._dropped = Counter(
            "llama_messages_dropped_total",
            "Messages in the queues that were thrown away because they are no doorbells.",
            registry=registry,
        )

    def dropped(self) -> None:
        """A message was thrown away."""
        self._dropped.inc()
