"""What a gateway measures of itself. docs/metrics.md has every name; none names anybody."""

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.instruments import ProcessInstruments, exemplar

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The instruments of one gateway on a registry of its own."""

    def __init__(self, state_dir: Path = Path()) -> None:
        self.registry = CollectorRegistry()
        self.process = ProcessInstruments(self.registry, state_dir)
        self.inflight = Gauge(
            "llama_inflight_requests", "HTTP requests being answered.", registry=self.registry
        )
        self.streams = Gauge("llama_open_streams", "Open event streams.", registry=self.registry)
        self._long_polls = Gauge(
            "llama_long_polls", "Answers held back for a job's end.", registry=self.registry
        )
        self.prompt_guard = Counter(
            "llama_prompt_guard",
            "Prompts that the guard looked at, by its verdict and each rule that spoke up.",
            ["verdict", "rule"],
            registry=self.registry,
        )
        self.problems = ProblemInstruments(self.registry)
        self._requests = Histogram(
            "llama_http_request_duration_seconds",
            "HTTP requests, from first byte in to last byte out.",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def watch(self, long_polls: Callable[[], int]) -> None:
        """Count those who wait at scrape time."""
        self._long_polls.set_function(long_polls)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; ``route`` is its template."""
        self._requests.labels(route, method, status).observe(seconds, exemplar())


class ProblemInstruments:
    """Requests that were answered with an error."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._problems = Counter(
            "llama_problems_total", "Requests answered with an error.", ["code"], registry=registry
        )
        self._limited = Counter(
            "llama_rate_limited_total",
            "Requests refused by a rate limit.",
            ["limit"],
            registry=registry,
        )
        self._unknown = Counter(
            "llama_auth_failures_total",
            "Logins and tokens refused.",
            ["reason"],
            registry=registry,
        )
        for reason in ("login", "token"):  # there from the start: an alert looks at increases
            self._unknown.labels(reason)
        self._limited.labels("requests")

    def happened(self, code: str) -> None:
        """Whatever it was."""
        self._problems.labels(code).inc()

    def limited(self, limit: str) -> None:
        """A rate limit spoke."""
        self._limited.labels(limit).inc()

    def unknown(self, reason: str) -> None:
        """Somebody is not who they say: at the ``login``, or by their ``token``."""
        self._unknown.labels(reason).inc()
