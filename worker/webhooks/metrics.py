"""What a webhook worker measures."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from worker.webhooks.decision import Outcome

_ATTEMPT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
#: From a prompt delivery to one that took the whole schedule.
_DELAY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3600, 21_600, 86_400, 345_600)


class WebhookMetrics:
    """The instruments of one webhook worker on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._attempts = Counter(
            "llama_webhook_attempts_total",
            "Attempts at deliveries, by how they ended.",
            ("event", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "llama_webhook_attempt_seconds",
            "How long an attempt took.",
            buckets=_ATTEMPT,
            registry=self.registry,
        )
        self._delay = Histogram(
            "llama_webhook_delay_seconds",
            "From an event to its successful delivery.",
            buckets=_DELAY,
            registry=self.registry,
        )
        self._busy, self._lock = 0, Lock()
        sending = Gauge("llama_webhook_sending", "Attempts being made.", registry=self.registry)
        sending.set_function(self.busy)
        self.backlog = Gauge(
            "llama_webhook_backlog",
            "Deliveries that have not ended, of the whole service.",
            registry=self.registry,
        )

    def busy(self) -> int:
        """Attempts being made right now."""
        return self._busy

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Around an attempt."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    def ended(self, event: str, outcome: Outcome, seconds: float, age_seconds: float) -> None:
        """An attempt was written down."""
        self._attempts.labels(event, outcome.value).inc()
        self._seconds.observe(seconds)
        if outcome is Outcome.SUCCEEDED:
            self._delay.observe(age_seconds)
