"""A closed loop: so many callers, each of whom asks again once it is answered."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import mean, quantiles


def closed_loop(ask: Callable[[int], object], count: int, callers: int) -> dict[str, float]:
    """How long ``ask`` of 0..count - 1 took, and how many were answered in a minute."""

    def timed(number: int) -> float:
        began = time.perf_counter()
        ask(number)
        return time.perf_counter() - began

    with ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        latencies = list(pool.map(timed, range(count)))
        return summary(latencies, time.perf_counter() - began)


def summary(latencies: Sequence[float], seconds: float) -> dict[str, float]:
    """Of latencies in seconds, within ``seconds`` altogether."""
    cuts = quantiles(latencies, n=100, method="inclusive")
    return {
        "count": len(latencies),
        "mean_ms": mean(latencies) * 1e3,
        "p50_ms": cuts[49] * 1e3,
        "p95_ms": cuts[94] * 1e3,
        "per_minute": len(latencies) / seconds * 60,
    }
