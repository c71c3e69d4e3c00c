"""The table, as it is printed and saved."""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.chaos.result import Result
from benchmarks.chaos.settings import ChaosSettings
from worker.engines.cores import usable_cores

HEADER = (
    *("scenario", "accepted", "completed", "lost", "ended twice", "extra starts"),
    *("recovered", "p50 s", "p99 s", "max s", "took s"),
)


def table(results: Sequence[Result]) -> str:
    """A Markdown table, and below it what the scenarios have to add."""
    rows = [" | ".join(HEADER), "|".join(["---"] + ["---:"] * (len(HEADER) - 1))]
    rows += [" | ".join(_cells(result)) for result in results]
    notes = [f"- {r.scenario}: {note}" for r in results for note in r.notes]
    return "\n".join([*(f"| {row} |" for row in rows), "", *notes])


def save(results: Sequence[Result], settings: ChaosSettings, seconds: float) -> Path:
    """Write chaos.json and chaos.md; return the latter."""
    settings.out.mkdir(parents=True, exist_ok=True)
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}, {usable_cores()} cores",
        "jobs": settings.jobs,
        "seed": settings.seed,
        "seconds": round(seconds),
    }
    found = {**about, "results": [result.to_dict() for result in results]}
    (settings.out / "chaos.json").write_text(json.dumps(found, indent=2) + "\n")
    page = settings.out / "chaos.md"
    heading = "# make chaos\n\n" + ", ".join(f"{name} {value}" for name, value in about.items())
    page.write_text(f"{heading}\n\n{table(results)}\n")
    return page


def _cells(result: Result) -> list[str]:
    spread = result.recovery
    return [
        result.scenario,
        str(result.accepted),
        str(result.completed),
        str(result.lost),
        str(result.double_terminals),
        str(result.duplicate_starts),
        str(spread.count),
        *("" if n is None else f"{n:.1f}" for n in (spread.p50, spread.p99, spread.max)),
        f"{result.seconds:.0f}",
    ]
