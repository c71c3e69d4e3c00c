"""What a load showed, in numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

QUANTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Sample:
    """One job that ended; times in milliseconds.

    ``total`` is the client's, from submit to the answer; the others are the gateway's.
    """

    total: float
    waited: float
    ran: float
    tokens: int
    status: str


@dataclass(slots=True)
class Report:
    """Everything that happened in ``seconds``, by ``concurrency`` clients."""

    concurrency: int
    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)  #: asked for again, by code
    errors: Counter[str] = field(default_factory=Counter)  #: given up, by code
    interrupted: bool = False  #: by Ctrl-C; what was running has ended

    @property
    def completed(self) -> list[Sample]:
        """The jobs that came to a good end."""
        return [sample for sample in self.samples if sample.status == "completed"]

    @property
    def clean(self) -> bool:
        """Whether every job completed."""
        return bool(self.samples) and not self.errors and len(self.completed) == len(self.samples)

    def body(self) -> dict[str, Any]:
        """As JSON: rates, and the quantiles of completed jobs in milliseconds."""
        done = self.completed
        return {
            "concurrency": self.concurrency,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 3),
            "jobs": dict(Counter(sample.status for sample in self.samples)),
            "jobs_per_minute": self._rate(60 * len(done)),
            "tokens_per_second": self._rate(sum(sample.tokens for sample in done)),
            "total_ms": quantiles([sample.total for sample in done]),
            "queue_wait_ms": quantiles([sample.waited for sample in done]),
            "run_ms": quantiles([sample.ran for sample in done]),
            "refusals": dict(self.refusals),
            "errors": dict(self.errors),
        }

    def _rate(self, count: float) -> float:
        return round(count / self.seconds, 1) if self.seconds else 0.0


def quantiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95, p99 by the nearest rank; None where there is nothing."""
    ordered = sorted(values)
    return {f"p{q}": _nearest_rank(ordered, q) for q in QUANTILES}


def _nearest_rank(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)], 1)
