"""From what was measured to rows and a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.fairness.settings import FairnessBenchSettings
from benchmarks.percentile import percentile
from benchmarks.rows import Row

#: p95 of a quiet user beside equal jobs of a noisy one, against alone.
ALLOWED_RATIO = 2.0

Took = Mapping[str, Sequence[float]]


def summaries(took: Took) -> list[dict[str, Any]]:
    """Percentiles of each variant in seconds, and their ratios to those of the first, alone."""
    alone = next(iter(took.values()))
    return [
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


def rows(found: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The quiet user beside others; something is promised of the first of them, equal jobs."""
    alone, *beside = found
    return [
        Row(
            f"a quiet user's p95, {one['variant']}",
            f"{one['p95_seconds']:.2f} s, {one['p95_ratio']:.2f} times alone",
            f"alone {alone['p95_seconds']:.2f} s",
            None,
            f"{ALLOWED_RATIO:.1f} times alone at most" if number == 0 else "",
            number > 0 or one["p95_ratio"] <= ALLOWED_RATIO,
        )
        for number, one in enumerate(beside)
    ]


def markdown(
    settings: FairnessBenchSettings, at: Mapping[str, Any], found: Sequence[Mapping[str, Any]]
) -> str:
    """The page."""
    lines = [
        f"| {one['variant']} | {one['requests']} | {one['p50_seconds']:.2f} s "
        f"| {one['p95_seconds']:.2f} s | {one['p50_ratio']:.2f} | {one['p95_ratio']:.2f} |"
        for one in found
    ]
    return (
        f"""# A quiet user beside a noisy one

`python -m benchmarks.fairness`, {at["measured_at"][:10]}, {at["cores"]} cores, load average {at["load_average"]}. Echo engine,
three slots of {settings.tokens_per_second} tokens/s. The quiet user asks for {settings.tokens} tokens, waits for the whole answer, and
pauses for {settings.think_seconds} s on average; the noisy one always has {settings.waiting} jobs waiting, of the same priority.
Variants in turns, {settings.pairs} rounds; seconds from request to whole answer.

| quiet user | requests | p50 | p95 | p50 to alone | p95 to alone |
|---|---|---|---|---|---|
"""
        + "\n".join(lines)
        + f"""

Allowed beside equal jobs: {ALLOWED_RATIO:.1f} times the p95 alone. "First come, first served" is the same
load under one account, within which jobs go in their order.
"""
    )
