"""Prometheus metrics: what this process counts, and what Redis says at the scrape."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.cluster import ClusterState

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def service_version() -> str:
    """The version of this service."""
    try:
        return version("caravan")
    except PackageNotFoundError:
        return "0.0.0"


class Metrics:
    """The gateway's own numbers, in a registry of their own; no label names a user or a job."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.request_seconds = Histogram(
            "llama_request_duration_seconds",
            "HTTP requests, from first byte in to last byte out",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.inflight = Gauge(
            "llama_inflight_requests", "HTTP requests being answered", registry=self.registry
        )
        self.streams = Gauge("llama_open_streams", "Open event streams", registry=self.registry)
        self.rate_limited = Counter(
            "llama_rate_limited", "Requests refused by a rate limit", registry=self.registry
        )
        self.auth_failures = Counter(
            "llama_auth_failures", "Logins and tokens refused", registry=self.registry
        )
        self.prompt_guard = Counter(
            "llama_prompt_guard",
            "Prompts that the guard looked at, by its verdict and each rule that spoke up",
            ["verdict", "rule"],
            registry=self.registry,
        )
        build = Gauge("llama_build_info", "Always 1", ["version"], registry=self.registry)
        build.labels(service_version()).set(1)
        ProcessCollector(registry=self.registry)

    def expose(self, state: ClusterState | None) -> bytes:
        """The text format; ``state`` None leaves out what only Redis knows."""
        own = generate_latest(self.registry)
        if state is None:
            return own
        shared = CollectorRegistry()
        shared.register(_StateCollector(state))
        return own + generate_latest(shared)


class _StateCollector(Collector):
    """The numbers that all gateways report alike."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state = self._state
        requests = CounterMetricFamily(
            "llama_requests", "Jobs that ended", labels=["kind", "priority", "status"]
        )
        for labels, count in state.totals.items():
            requests.add_metric(labels, count)
        depth = GaugeMetricFamily("llama_queue_depth", "Waiting jobs", labels=["priority"])
        for priority, waiting in state.waiting.items():
            depth.add_metric([priority.value], waiting)
        memory = GaugeMetricFamily(
            "llama_model_memory_usage_bytes", "Memory of the loaded models, all workers"
        )
        memory.add_metric([], sum(worker.info.get("memory_bytes") or 0 for worker in state.ready))
        speed = GaugeMetricFamily(
            "llama_generation_tokens_per_second", "Generation speed of one job, mean of workers"
        )
        speeds = [float(worker.info.get("tokens_per_second") or 0) for worker in state.ready]
        speed.add_metric([], sum(speeds) / len(speeds) if speeds else 0.0)
        running = GaugeMetricFamily("llama_running_jobs", "Jobs under a lease", state.running)
        workers = GaugeMetricFamily("llama_ready_workers", "Workers that take jobs")
        workers.add_metric([], len(state.ready))
        backlog = GaugeMetricFamily(
            "llama_batch_backlog", "Lines of batches that are not in the queue yet"
        )
        backlog.add_metric([], state.backlog)
        yield from (requests, depth, memory, speed, running, workers, backlog)
