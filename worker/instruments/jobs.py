"""Jobs that this worker takes and ends."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from common.instruments import exemplar
from common.job import Job
from common.meters import LONG

_CANCEL = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class JobInstruments:
    """From doorbell to end. The service's own sums are kept in Redis: common/meters.py."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = 0
        self._attempts = Counter(
            "llama_attempts_total",
            "Doorbells answered, by how the attempt ended here.",
            ("outcome",),
            registry=registry,
        )
        self._losses = Counter(
            "llama_lease_losses_total",
            "Leases that were void while the worker held them.",
            registry=registry,
        )
        self._queue_wait = Histogram(
            "llama_queue_wait_seconds",
            "From entering the queue to the first claim.",
            ("priority",),
            buckets=LONG,
            registry=registry,
        )
        self._eta_error = Histogram(
            "llama_queue_eta_error_seconds",
            "Between the wait that was foretold at submit and the real one.",
            ("priority",),
            buckets=LONG,
            registry=registry,
        )
        self._cancel = Histogram(
            "llama_cancel_seconds",
            "From hearing that a lease is void to its slot being free.",
            buckets=_CANCEL,
            registry=registry,
        )
        self._leaks = Counter(
            "llama_prompt_leaks_total",
            "Answers that repeat a run of words of their system prompt.",
            ("kind",),
            registry=registry,
        )

    def claimed(self, job: Job) -> None:
        """A job was taken."""
        if job.attempts == 1:
            waited = max(0, job.started_ms - job.enqueued_ms) / 1000
            self._queue_wait.labels(job.priority).observe(waited, exemplar())
            if job.eta_ms >= 0:
                error = abs(waited - job.eta_ms / 1000)
                self._eta_error.labels(job.priority).observe(error, exemplar())

    def answered(self, outcome: str) -> None:
        """A doorbell was answered."""
        self._attempts.labels(outcome).inc()

    def stopped(self, seconds: float) -> None:
        """The slot of a job that was taken away is free again."""
        self._losses.inc()
        self._cancel.observe(seconds, exemplar())

    def finished(self) -> None:
        """A job ended here."""
        self.ended += 1

    def leaked(self, job: Job) -> None:
        """An answer gave its system prompt away."""
        self._leaks.labels(job.kind).inc()
