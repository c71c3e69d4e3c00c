"""Two ways of doing the same, measured in turn: what else the machine does falls on both."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

#: Part of the cases in which the interval holds the true median.
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """Median of the ratios of pairs, with its interval; ``pairs`` is how many there were."""

    median: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(ours: Sequence[float], peers: Sequence[float]) -> Ratio:
    """``ours`` over ``peers``, pair by pair."""
    ratios = sorted(a / b for a, b in zip(ours, peers, strict=True))
    rank = _rank(len(ratios))
    return Ratio(median(ratios), ratios[rank], ratios[-1 - rank], len(ratios))


def _rank(count: int) -> int:
    """How many to leave out on either side: the interval of the sign test.

    With fewer than six pairs nothing can be left out, and the interval is the whole range.
    """
    outside, rank = 0.0, 0
    while rank < count // 2:
        outside += 2 * comb(count, rank) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        rank += 1
    return max(0, rank - 1)
