"""The instruments of a worker, by what they measure; names of the original services are kept.

Intervals inside this process are taken from its monotonic clock; queue wait crosses
processes and comes from the server's clock in the record.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.job import Job, JobStatus
from worker.engines.base import Completion, EngineError, EngineInfo
from worker.speedometer import Speedometer

#: Doubling from 50 ms to about half an hour.
_LONG = tuple(0.05 * 2**n for n in range(16))
_FIRST_TOKEN = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
)
_PER_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 1)
_CANCEL = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class JobInstruments:
    """Jobs that this worker takes and ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = 0
        self._requests = Counter(
            "llama_requests_total",
            "Jobs that this worker ended.",
            ("kind", "priority", "status"),
            registry=registry,
        )
        self._processing = Histogram(
            "llama_processing_duration_seconds",
            "Run time of a job that this worker ended, over this attempt.",
            ("kind", "priority"),
            buckets=_LONG,
            registry=registry,
        )
        self._queue_wait = Histogram(
            "llama_queue_wait_seconds",
            "From entering the queue to the first claim.",
            ("priority",),
            buckets=_LONG,
            registry=registry,
        )
        self._eta_error = Histogram(
            "llama_queue_eta_error_seconds",
            "Between the wait that was foretold at submit and the real one.",
            ("priority",),
            buckets=_LONG,
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
            self._queue_wait.labels(job.priority).observe(waited)
            if job.eta_ms >= 0:
                self._eta_error.labels(job.priority).observe(abs(waited - job.eta_ms / 1000))

    def stopped(self, seconds: float) -> None:
        """The slot of a job that was taken away is free again."""
        self._cancel.observe(seconds)

    def finished(self, job: Job, status: JobStatus, seconds: float) -> None:
        """A job ended here."""
        self.ended += 1
        self._requests.labels(job.kind, job.priority, status).inc()
        self._processing.labels(job.kind, job.priority).observe(seconds)

    def leaked(self, job: Job) -> None:
        """An answer gave its system prompt away."""
        self._leaks.labels(job.kind).inc()


class TokenInstruments:
    """Tokens, and how fast they come."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.speedometer = Speedometer()
        self.generation_speed: float | None = None  #: tokens per second of the latest one
        self._tokens = Counter(
            "llama_tokens_generated_total", "Tokens generated.", registry=registry
        )
        self._first_token = Histogram(
            "llama_time_to_first_token_seconds",
            "From the engine's call to its first token.",
            buckets=_FIRST_TOKEN,
            registry=registry,
        )
        self._per_token = Histogram(
            "llama_time_per_output_token_seconds",
            "Mean time between tokens of a generation.",
            buckets=_PER_TOKEN,
            registry=registry,
        )
        self._generation_speed = Gauge(
            "llama_generation_tokens_per_second",
            "Decode speed of the latest generation.",
            registry=registry,
        )
        Gauge(
            "llama_tokens_per_second",
            "Tokens per second over all slots, in the last ten seconds.",
            registry=registry,
        ).set_function(self.speedometer.per_second)

    def made(self, count: int) -> None:
        """Tokens were generated."""
        self._tokens.inc(count)
        self.speedometer.add(count)

    def completed(self, completion: Completion) -> None:
        """A call of the engine returned."""
        if completion.time_to_first_token_seconds is not None:
            self._first_token.observe(completion.time_to_first_token_seconds)
        if completion.new_tokens > 1 and completion.decode_seconds > 0:
            per_token = completion.decode_seconds / (completion.new_tokens - 1)
            self._per_token.observe(per_token)
            self.generation_speed = round(1 / per_token, 3)
            self._generation_speed.set(1 / per_token)


class EngineInstruments:
    """The engine, its memory and its health."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._busy = Gauge("llama_slots_busy", "Slots that generate.", registry=registry)
        self._slots = Gauge("llama_slots", "Slots of the engine.", registry=registry)
        self._memory = Gauge(
            "llama_model_memory_usage_bytes",
            "Memory of the loaded model.",
            ("model", "precision"),
            registry=registry,
        )
        self._errors = Counter(
            "llama_engine_errors_total",
            "Generations that the engine failed.",
            ("error",),
            registry=registry,
        )
        self._circuit = Gauge(
            "llama_circuit_breaker_state",
            "0: closed, 1: half-open, 2: open.",
            registry=registry,
        )
        self._opened = Counter(
            "llama_circuit_breaker_opened_total",
            "Times the circuit breaker opened.",
            registry=registry,
        )

    def watch(self, busy: Callable[[], int], circuit: Callable[[], int]) -> None:
        """Read the busy slots and the circuit breaker's level at scrape time."""
        self._busy.set_function(busy)
        self._circuit.set_function(circuit)

    def loaded(self, info: EngineInfo) -> None:
        """A model was loaded in the place of any other."""
        self._slots.set(info.slots)
        self._memory.clear()
        self._memory.labels(info.model_name, info.quantization).set(info.memory_bytes or 0)

    def failed(self, error: EngineError) -> None:
        """A generation failed."""
        self._errors.labels(type(error).__name__).inc()

    def broke(self) -> None:
        """The circuit breaker opened."""
        self._opened.inc()
