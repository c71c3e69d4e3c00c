"""From what was measured to JSON and a page."""

import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.fairness.settings import FairnessBenchSettings

#: p95 of a quiet user beside a noisy one, against alone.
ALLOWED_RATIO = 2.0


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that is not below ``part`` of them."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def report(settings: FairnessBenchSettings, took: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Percentiles of each variant in seconds, and their ratios to those of the first, alone."""
    alone = next(iter(took.values()))
    variants = [
        {
            "variant": name,
            "requests": len(values),
            "p50_seconds": round(percentile(values, 0.5), 3),
            "p95_seconds": round(percentile(values, 0.95), 3),
            "p50_ratio": round(percentile(values, 0.5) / percentile(alone, 0.5), 2),
            "p95_ratio": round(percentile(values, 0.95) / percentile(alone, 0.95), 2),
        }
        for name, values in took.items()
    ]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "load_average_15_min": round(os.getloadavg()[2], 1),
        },
        "settings": settings.model_dump(),
        "allowed_p95_ratio": ALLOWED_RATIO,
        "variants": variants,
        "seconds": {name: [round(one, 4) for one in values] for name, values in took.items()},
    }


def markdown(made: Mapping[str, Any]) -> str:
    """The page."""
    settings = made["settings"]
    rows = [
        f"| {one['variant']} | {one['requests']} | {one['p50_seconds']:.2f} s "
        f"| {one['p95_seconds']:.2f} s | {one['p50_ratio']:.2f} | {one['p95_ratio']:.2f} |"
        for one in made["variants"]
    ]
    return (
        f"""# A quiet user beside a noisy one

`python -m benchmarks.fairness`, {made["date"]}, {made["machine"]["cores"]} cores, load average {made["machine"]["load_average_15_min"]}. Echo engine,
three slots of {settings["tokens_per_second"]} tokens/s. The quiet user asks for {settings["tokens"]} tokens, waits for the whole answer, and
pauses for {settings["think_seconds"]} s on average; the noisy one always has {settings["waiting"]} jobs waiting, of the same priority.
Variants in turns, {settings["pairs"]} rounds; seconds from request to whole answer.

| quiet user | requests | p50 | p95 | p50 to alone | p95 to alone |
|---|---|---|---|---|---|
"""
        + "\n".join(rows)
        + f"""

Allowed beside equal jobs: {made["allowed_p95_ratio"]:.1f} times the p95 alone. "First come, first served" is the same
load under one account, within which jobs go in their order.
"""
    )
