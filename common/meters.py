"""Counters and histograms of the whole service, as ``settle()`` keeps them in Redis.

The hash ``meters`` is written by common/lua/shared/meters.lua, which fixes its fields.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import INF as INFINITY

#: Upper bounds in seconds: from doubling 50 ms to half an hour; meters.lua has the same in ms.
LONG = (*(0.05 * 2**n for n in range(15)), 1800.0)

_HISTOGRAMS = {
    "request": ("llama_request_duration_seconds", "Completed jobs, from accepted to final."),
    "first": ("llama_request_first_token_seconds", "Completed jobs, from accepted to first token."),
    "processing": ("llama_processing_duration_seconds", "Completed jobs, from claim to final."),
}


def meter_families(meters: Mapping[str, int]) -> Iterator[Metric]:
    """What the hash holds, as Prometheus shows it."""
    parts: dict[str, list[tuple[list[str], int]]] = defaultdict(list)
    for field, value in meters.items():
        what, _, labels = field.partition("|")
        parts[what].append((labels.split("|", 3), value))
    accepted = CounterMetricFamily(
        "llama_jobs_accepted", "Jobs that entered the queue.", labels=["mode", "priority"]
    )
    for names, count in parts["accepted"]:
        accepted.add_metric(names, count)
    yield accepted
    yield _requests(parts["requests"])
    for what, (name, text) in _HISTOGRAMS.items():
        yield _histogram(name, text, parts[what])
    errors = CounterMetricFamily(
        "llama_job_errors", "Jobs that failed or expired.", labels=["code"]
    )
    for names, count in parts["errors"]:
        errors.add_metric(names, count)
    yield errors


def _requests(fields: list[tuple[list[str], int]]) -> Metric:
    names = ["model", "mode", "priority", "status"]
    family = CounterMetricFamily("llama_requests", "Jobs that ended.", labels=names)
    for (mode, priority, status, model), count in fields:
        family.add_metric([model, mode, priority, status], count)
    return family


def _histogram(name: str, text: str, fields: list[tuple[list[str], int]]) -> Metric:
    """Cumulative buckets from those of the hash, which count from 1 and do not add up."""
    family = HistogramMetricFamily(name, text, labels=["mode", "priority"])
    series: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (mode, priority, bucket), value in fields:
        series[mode, priority][bucket] = value
    for labels, counts in series.items():
        total, buckets = 0, []
        for number, bound in enumerate((*LONG, INFINITY), start=1):
            total += counts.get(str(number), 0)
            buckets.append(("+Inf" if bound == INFINITY else str(bound), total))
        family.add_metric(list(labels), buckets, counts.get("sum", 0) / 1000)
    return family
