"""How much of a prompt is read at once, so that the others' next token does not wait long."""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from worker.engines.transformers.cache import in_blocks

#: A step with a piece of a prompt takes as long as so many without: it holds the others up for two,
#: with room for error.
LONGEST_STEP = 2.6
#: Pieces are multiples of so many tokens, but for the last of a prompt.
GRAIN = 4
_SHORT, _LONG = 16, 64
_FEWEST_TRIALS, _MOST_TRIALS = 2, 5
_PATIENCE_SECONDS = 1.0


class Cost(NamedTuple):
    """Seconds: of being there at all, of each token, and of each column that a token looks at."""

    whole: float
    token: float
    column: float

    def seconds(self, tokens: int, width: int) -> float:
        """Of ``tokens`` that look at ``width`` columns each."""
        return self.whole + tokens * (self.token + self.column * width)


class Pace(NamedTuple):
    """What a step takes: for rows of a token each, and more for a piece beside them.

    Measured once, when nothing else runs: a piece that changed with the machine's load would
    change the rounding of what it computes. So it depends on the rows that are busy, on where
    they are, and on where the piece begins.
    """

    rows: Cost
    piece: Cost

    def spare(self, rows: int, width: int) -> float:
        """Seconds that pieces may take beside ``rows``; without any, as long as they like.

        Twice what a piece takes for being there, in any case: shorter ones would gain little.
        """
        beside = (LONGEST_STEP - 1) * self.rows.seconds(rows, width)
        return max(beside, 2 * self.piece.whole) if rows else math.inf

    def longest(self, seconds: float, start: int, most: int) -> int:
        """How many tokens from column ``start`` on, of ``most``, are read in ``seconds``."""
        for tokens in range(GRAIN, most, GRAIN):
            if self.piece.seconds(tokens, in_blocks(start + tokens)) > seconds:
                return tokens - GRAIN
        return most


#: Runs a step of ``rows`` over ``width`` columns, with a piece of ``tokens`` that ends at column
#: ``end``, and waits for its end.
Step = Callable[[int, int, int, int], object]


def measure(slots: int, context_size: int, step: Step) -> Pace:
    """Fit the costs to steps of one row and of all, with short and long pieces, near and far."""
    near, far = context_size // 4, context_size
    short, long = min(_SHORT, near), min(_LONG, near)
    one, all_near, all_far, brief, lengthy, distant = (
        _seconds(partial(step, *arguments))
        for arguments in (
            (1, near, 0, 0),
            (slots, near, 0, 0),
            (slots, far, 0, 0),
            (1, near, short, near),
            (1, near, long, near),
            (1, near, short, far),
        )
    )
    column = _slope(all_near, all_far, slots * (far - near))
    token = max(0.0, _slope(one, all_near, slots - 1) - column * near)
    rows = Cost(max(0.0, one - token - column * near), token, column)
    column = _slope(brief, distant, short * (far - near))
    token = max(0.0, _slope(brief, lengthy, long - short) - column * near)
    whole = max(0.0, brief - one - short * (token + column * near))
    return Pace(rows, Cost(whole, token, column))


def _slope(less: float, more: float, things: int) -> float:
    """Seconds of each of ``things`` that came in addition; no fewer than none."""
    return max(0.0, more - less) / things if things else 0.0


def _seconds(work: Callable[[], object]) -> float:
    """The least of a few times: the first finds nothing in place, others may be disturbed."""
    times: list[float] = []
    patience = _MOST_TRIALS
    while len(times) < patience:
        patience = _MOST_TRIALS if sum(times) < _PATIENCE_SECONDS else _FEWEST_TRIALS
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)
