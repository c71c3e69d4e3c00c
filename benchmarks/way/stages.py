"""Where the milliseconds of a job's way go: the table of its stages."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import quantiles
from typing import Any

from benchmarks.way.stamps import Passed

#: The places of the way in order, with what happens before each of them.
PLACES = {
    "asked": "",
    "received": "the client sends, the gateway begins",
    "submitting": "who asks, limits, guard, counting the prompt",
    "heard": "submit script, doorbell, Celery has the message",
    "slot": "Celery's request, events, a thread of the pool",
    "claiming": "the attempt begins",
    "claimed": "claim script",
    "engine": "lease, span, prompt into ids",
    "made": "(the engine works)",
    "finishing": "the completion is counted",
    "told:completed": "finish script, the gateway hears of it",
    "answering": "the long poll wakes, the record becomes a job",
    "answered": "the answer is written, sent and read",
}


def stage_table(jobs: Iterable[Passed]) -> list[dict[str, Any]]:
    """A row for each stage, in milliseconds; jobs that did not pass everywhere are left out."""
    whole = [job for job in jobs if PLACES.keys() <= job.keys()]
    rows = []
    for before, after in pairwise(PLACES):
        took = sorted((job[after] - job[before]) / 1e6 for job in whole)
        rows.append({"stage": PLACES[after], "from": before, "to": after} | percentiles(took))
    return rows


def overhead_seconds(job: Passed) -> float:
    """From asked to answered, less what the engine worked."""
    return (job["answered"] - job["asked"] - (job["made"] - job["engine"])) / 1e9


def percentiles(values: list[float]) -> dict[str, float]:
    """The median, the 90th and the 99th."""
    cuts = quantiles(values, n=100)
    return {"p50": round(cuts[49], 3), "p90": round(cuts[89], 3), "p99": round(cuts[98], 3)}


def stage_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """The table as it is printed."""
    return "\n".join(
        f"{row['p50']:8.2f} {row['p90']:8.2f} {row['p99']:8.2f} ms  {row['stage']}" for row in rows
    )
