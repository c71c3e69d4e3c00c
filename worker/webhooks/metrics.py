"""What a webhook worker measures."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.instruments import ProcessInstruments, exemplar
from common.webhooks import DeliveryStatus
from worker.instruments.messages import MessageInstruments
from worker.webhooks.decision import Outcome
from worker.webhooks.ledger import Entry

_ATTEMPT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
#: From a prompt delivery to one that took the whole schedule.
_DELAY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3600, 21_600, 86_400, 345_600)


class WebhookMetrics:
    """The instruments of one webhook worker on a registry of its own."""

    def __init__(self, state_dir: Path = Path()) -> None:
        self.registry = CollectorRegistry()
        self.process = ProcessInstruments(self.registry, state_dir)
        self.messages = MessageInstruments(self.registry)
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
        self._deliveries = Counter(
            "llama_webhook_deliveries_total",
            "Deliveries that ended with an attempt.",
            ("outcome",),
            registry=self.registry,
        )
        self._disabled = Counter(
            "llama_webhook_endpoints_disabled_total",
            "Endpoints that were disabled because they only failed.",
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

    def ended(self, event: str, outcome: Outcome, seconds: float, entry: Entry) -> None:
        """An attempt was written down."""
        self._attempts.labels(event, outcome.value).inc()
        self._seconds.observe(seconds, exemplar())
        if outcome is Outcome.SUCCEEDED:
            self._delay.observe(entry.age_seconds, exemplar())
        if entry.status is not DeliveryStatus.PENDING:
            self._deliveries.labels(entry.status.value).inc()
        if entry.disabled:
            self._disabled.inc()
