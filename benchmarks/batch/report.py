"""From what was measured to rows and a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.batch.settings import BatchBenchSettings
from benchmarks.pairs import ratio
from benchmarks.percentile import percentile
from benchmarks.rows import Row

#: Part by which interactive p95 may grow.
ALLOWED = {"preemption": 0.10, "no preemption": 0.25}


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of interactive load; times in seconds from request to whole answer."""

    variant: str
    batch: bool
    pair: int
    requests: int
    p50: float
    p95: float
    lines_ended: int
    seconds: float
    took: list[float]


def summary(name: str, allowed: float, runs: Sequence[Run]) -> dict[str, Any]:
    """Medians over the pairs; growth is of all requests of a kind together."""
    with_batch = [run for run in runs if run.variant == name and run.batch]
    without = [run for run in runs if run.variant == name and not run.batch]
    growth = {
        f"p{round(part * 100)}": percentile(_all(with_batch), part)
        / percentile(_all(without), part)
        - 1
        for part in (0.5, 0.95, 0.99)
    }
    p95_with, p95_without = (
        [run.p95 for run in sorted(these, key=lambda run: run.pair)]
        for these in (with_batch, without)
    )
    return {
        "variant": name,
        "allowed": allowed,
        "held": growth["p95"] <= allowed,
        "requests": len(_all(without)),
        "p95_without": percentile(_all(without), 0.95),
        "p95_with": percentile(_all(with_batch), 0.95),
        "growth": growth,
        "p95_of_pairs": ratio(p95_with, p95_without),
        "p95_growth_of_pairs": [
            busy / quiet - 1 for busy, quiet in zip(p95_with, p95_without, strict=True)
        ],
        "lines_per_second": median(run.lines_ended / run.seconds for run in with_batch),
    }


def _all(runs: Sequence[Run]) -> list[float]:
    return [seconds for run in runs for seconds in run.took]


def row(one: Mapping[str, Any]) -> Row:
    """What became of those who waited, under one variant."""
    return Row(
        f"interactive p95 beside a batch, {one['variant']}",
        f"{one['p95_with']:.2f} s",
        f"without a batch {one['p95_without']:.2f} s",
        one["p95_of_pairs"],
        f"p95 of all grows by {one['allowed']:.0%} at most",
        one["held"],
    )


def markdown(settings: BatchBenchSettings, at: Mapping[str, Any], found: Sequence[Any]) -> str:
    """The page."""
    rows = [
        f"| {one['variant']} | {one['p95_without']:.2f} s | {one['p95_with']:.2f} s "
        f"| {one['growth']['p95']:+.1%} | {one['allowed']:+.0%} | {one['growth']['p50']:+.1%} "
        f"| {', '.join(f'{pair:+.0%}' for pair in one['p95_growth_of_pairs'])} "
        f"| {one['lines_per_second']:.1f} |"
        for one in found
    ]
    head = f"""# A batch beside those who wait

`python -m benchmarks.batch`, {at["measured_at"][:10]}, {at["cores"]} cores. Echo engine, three
slots of {settings.tokens_per_second} tokens/s. Requests of {settings.request_tokens} tokens and priority
`{settings.priority}` come at random moments (Poisson) and take {settings.load:.0%} of the slots; the batch has
{settings.lines} lines of {settings.line_tokens} tokens. {settings.pairs} runs of {settings.seconds:.0f} s with and as many without the batch, in turns, with the
same moments in both; p95 from request to whole answer, over the {found[0]["requests"]} requests of a kind.

| | p95 without | p95 with | p95 grows by | allowed | p50 grows by | p95 of each pair | lines/s beside |
|---|---|---|---|---|---|---|---|
"""
    tail = f"""
The load average of the machine was {at["load_average"]} at the end. A pair has too few requests
beyond its p95 to be judged alone; the growth is that of all requests together.
"""
    return head + "\n".join(rows) + "\n" + tail
