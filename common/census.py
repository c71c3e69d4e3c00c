"""The whole service at the moment of a scrape, as census.lua counts it.

The same wherever it is read; docs/metrics.md says who exports it to Prometheus.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.meters import meter_families


class Census(Collector):
    """One answer of census.lua as metrics; None says that Redis did not answer."""

    def __init__(self, answer: str | None) -> None:
        self._counted: dict[str, Any] | None = json.loads(answer) if answer else None

    def collect(self) -> Iterator[Metric]:
        """The families; only ``llama_redis_up`` while Redis is away."""
        counted = self._counted
        yield _gauge("redis_up", "Whether Redis answered this scrape.", counted is not None)
        if counted is None:
            return
        yield from meter_families(counted["meters"])
        yield from _queues(counted["waiting"])
        yield from _backlogs(counted)
        yield from _workers(counted["workers"])
        yield from _redis(counted["redis"])


def _queues(waiting: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    for name, text, field, unit in (
        ("queue_depth", "Waiting jobs.", "count", 1),
        ("queue_oldest_age_seconds", "Age of the oldest waiting job.", "oldest_ms", 1000),
        ("queue_eta_seconds", "Wait of a job submitted now.", "eta_ms", 1000),
    ):
        family = GaugeMetricFamily(f"llama_{name}", text, labels=["priority"])
        for priority, about in waiting.items():
            family.add_metric([priority], about[field] / unit)
        yield family


def _backlogs(counted: Mapping[str, Any]) -> Iterator[Metric]:
    backlog, hooks = counted["backlog"], counted["hooks"]
    yield _gauge("running_jobs", "Jobs under a lease.", counted["running"])
    yield _gauge("batch_backlog", "Lines of batches outside the queue.", backlog["count"])
    yield _gauge("batch_oldest_age_seconds", "Age of the oldest.", backlog["oldest_ms"] / 1000)
    yield _gauge("dead_letters", "Jobs that were given up.", counted["dead"])
    yield _gauge("webhook_backlog", "Deliveries that have not ended.", hooks["count"])
    overdue = hooks["overdue_ms"] / 1000
    yield _gauge("webhook_overdue_seconds", "Wait of the most overdue delivery.", overdue)


def _workers(counts: Mapping[str, int]) -> Iterator[Metric]:
    family = GaugeMetricFamily("llama_workers", "Living workers.", labels=["role", "state"])
    for name, count in counts.items():
        family.add_metric(name.split("|"), count)
    yield family
    yield _gauge("ready_workers", "Workers that take jobs.", counts.get("inference|ready", 0))


def _redis(redis: Mapping[str, Any]) -> Iterator[Metric]:
    yield _gauge("redis_memory_used_bytes", "Memory of Redis.", redis["used_bytes"])
    yield _gauge("redis_memory_max_bytes", "Its maxmemory; 0: no limit.", redis["max_bytes"])
    sound = redis["persistence_ok"]
    yield _gauge("redis_persistence_ok", "Whether its last writes to disk went well.", sound)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"llama_{name}", text, value=value)
