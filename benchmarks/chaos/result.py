"""What a scenario came to: one row of the table."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number of durations are spread, in seconds; None without any."""

    count: int
    p50: float | None = None
    p99: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """The spread of ``seconds``; percentiles are durations that occurred."""
        if not seconds:
            return cls(0)
        ordered = sorted(seconds)
        return cls(len(ordered), *(_rank(ordered, share) for share in (0.5, 0.99, 1.0)))


def _rank(ordered: Sequence[float], share: float) -> float:
    return round(ordered[math.ceil(share * len(ordered)) - 1], 2)


@dataclass(frozen=True, slots=True)
class Result:
    """Counts of jobs, except ``double_terminals``: jobs for which an end was heard twice.

    ``duplicate_starts`` are attempts beyond each job's first. From the moment a worker was
    killed, stopped or told to leave, ``rescue`` runs until each job that it held was back in
    its queue, ``recovery`` until it was claimed again. ``broken`` are promises that did not hold, one sentence each.
    """

    scenario: str
    accepted: int
    completed: int
    lost: int
    double_terminals: int
    duplicate_starts: int
    rescue: Spread
    recovery: Spread
    seconds: float
    kills: int = 0
    notes: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The form in the JSON file."""
        return asdict(self)
