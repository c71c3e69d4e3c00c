"""What a benchmark found, in rows that one table can show."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchmarks.pairs import Ratio
from quantization.measure.machine import command, machine, versions

REPORTS = Path(__file__).parents[1] / "docs" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Row:
    """One claim: what was measured, ours beside a peer's, and whether the goal is met.

    ``ours`` and ``peer`` are words with their units; ``peer`` is empty where there is none.
    """

    what: str
    ours: str
    peer: str
    ratio: Ratio | None
    goal: str
    met: bool

    def __str__(self) -> str:
        beside = f"; {self.peer}" if self.peer else ""
        compared = f": {self.ratio}" if self.ratio else ""
        asked = f" (goal {self.goal}: {'met' if self.met else 'MISSED'})" if self.goal else ""
        return f"{self.what}: {self.ours}{beside}{compared}{asked}"


def save(name: str, settings: BaseModel, rows: Sequence[Row], **details: Any) -> int:
    """Write docs/benchmarks/NAME.json and print the rows; 1 where a goal is missed, else 0."""
    found = {
        "command": command(),
        "machine": machine(),
        "versions": versions(),
        "settings": settings.model_dump(mode="json"),
        "rows": [asdict(row) for row in rows],
        **details,
    }
    (REPORTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    for row in rows:
        print(row)  # noqa: T201
    return 0 if all(row.met for row in rows) else 1
