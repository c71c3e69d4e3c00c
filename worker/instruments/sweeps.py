"""What a sweep did; every inference worker sweeps, and maintenance does nothing else."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge


class SweepInstruments:
    """Jobs that were taken back or rung for by this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rescues = Counter(
            "llama_rescues_total",
            "Jobs taken back from dead workers.",
            ("outcome",),
            registry=registry,
        )
        self._rings = Counter(
            "llama_rerings_total",
            "Doorbells rung again for jobs that nobody had claimed.",
            ("priority",),
            registry=registry,
        )
        self._failures = Counter(
            "llama_sweep_failures_total", "Sweeps that Redis did not answer.", registry=registry
        )
        self._swept = Gauge(
            "llama_last_sweep_timestamp_seconds",
            "When the last whole sweep ended.",
            registry=registry,
        )
        for outcome in ("requeued", "dead"):  # there from the start: alerts look at increases
            self._rescues.labels(outcome)

    def rescued(self, outcome: str) -> None:
        """A job was taken back: ``requeued``, or given up as ``dead``."""
        self._rescues.labels(outcome).inc()

    def rang(self, priority: str) -> None:
        """A doorbell was rung again."""
        self._rings.labels(priority).inc()

    def swept(self) -> None:
        """A sweep went through."""
        self._swept.set(time.time())

    def failed(self) -> None:
        """It did not."""
        self._failures.inc()
