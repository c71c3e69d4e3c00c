"""What an inference worker measures; names and labels of the original services are kept.

Intervals inside this process are taken from its monotonic clock; queue wait crosses
processes and comes from the server's clock in the record.
"""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)

from common.job import Job, JobStatus
from worker.engines.base import Completion, EngineInfo

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


class Speedometer:
    """Tokens per second over the last ten seconds. Thread-safe."""

    WINDOW_SECONDS = 10.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: deque[tuple[float, int]] = deque()
        self._lock = Lock()

    def add(self, count: int) -> None:
        """Count tokens."""
        with self._lock:
            self._counts.append((self._clock(), count))
            self._forget()

    def per_second(self) -> float:
        """The mean speed over the window."""
        with self._lock:
            self._forget()
            return sum(count for _, count in self._counts) / self.WINDOW_SECONDS

    def _forget(self) -> None:
        oldest = self._clock() - self.WINDOW_SECONDS
        while self._counts and self._counts[0][0] < oldest:
            self._counts.popleft()


class WorkerMetrics:
    """The instruments of one worker on a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.speedometer = Speedometer()
        self.generation_speed: float | None = None  #: tokens per second of the latest one
        self.requests = 0  #: jobs ended here
        ProcessCollector(registry=registry)
        labels = ("kind", "priority", "status")
        self._requests = Counter(
            "llama_requests_total", "Jobs that this worker ended.", labels, registry=registry
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
        self._speed = Gauge(
            "llama_tokens_per_second",
            "Tokens per second over all slots, in the last ten seconds.",
            registry=registry,
        )
        self._generation_speed = Gauge(
            "llama_generation_tokens_per_second",
            "Decode speed of the latest generation.",
            registry=registry,
        )
        self._busy = Gauge("llama_slots_busy", "Slots that generate.", registry=registry)
        self._slots = Gauge("llama_slots", "Slots of the engine.", registry=registry)
        self._memory = Gauge(
            "llama_model_memory_usage_bytes",
            "Memory of the loaded model.",
            ("model", "precision"),
            registry=registry,
        )

    def serve(self, host: str, first_port: int) -> tuple[WSGIServer, int]:
        """Serve /metrics on the first free port from ``first_port`` on."""
        for port in range(first_port, first_port + 100):
            try:
                server, _ = start_http_server(port, host, self.registry)
            except OSError:
                continue
            return server, port
        raise OSError(f"METRICS_PORT: no free port from {first_port} to {first_port + 99}")

    def watch(self, info: EngineInfo, busy: Callable[[], int]) -> None:
        """Read the engine at scrape time."""
        self._slots.set(info.slots)
        self._busy.set_function(busy)
        self._speed.set_function(self.speedometer.per_second)
        self._memory.labels(info.model_name, info.quantization).set(info.memory_bytes or 0)

    def claimed(self, job: Job) -> None:
        """A job was taken."""
        if job.attempts == 1:
            waited = max(0, job.started_ms - job.enqueued_ms) / 1000
            self._queue_wait.labels(job.priority).observe(waited)
            if job.eta_ms >= 0:
                self._eta_error.labels(job.priority).observe(abs(waited - job.eta_ms / 1000))

    def tokens(self, count: int) -> None:
        """Tokens were generated."""
        self._tokens.inc(count)
        self.speedometer.add(count)

    def generated(self, completion: Completion) -> None:
        """A call of the engine returned."""
        if completion.time_to_first_token_seconds is not None:
            self._first_token.observe(completion.time_to_first_token_seconds)
        if completion.new_tokens > 1 and completion.decode_seconds > 0:
            per_token = completion.decode_seconds / (completion.new_tokens - 1)
            self._per_token.observe(per_token)
            self.generation_speed = round(1 / per_token, 3)
            self._generation_speed.set(1 / per_token)

    def finished(self, job: Job, status: JobStatus, seconds: float) -> None:
        """A job ended here."""
        self.requests += 1
        self._requests.labels(job.kind, job.priority, status).inc()
        self._processing.labels(job.kind, job.priority).observe(seconds)
