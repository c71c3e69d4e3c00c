"""How much of a prompt is read at once, so that the others' next token does not wait long."""

import time
from collections.abc import Callable
from functools import partial

#: A piece may make a step longer by as many as this.
STALLED_STEPS = 2
_SHORTEST = 16
_TRIALS = 2


def longest_piece(most: int, step: Callable[[int], object]) -> int:
    """The largest piece, of ``most`` tokens or fewer, that makes a step two steps longer at most.

    ``step`` is one of all slots with a piece of so many tokens, and waits for its end. Measured
    once, when nothing else runs: a piece that changed with the machine's load would change the
    rounding of what it computes.
    """
    limit = (1 + STALLED_STEPS) * _seconds(partial(step, 0))
    shortest, *longer = _sizes(most)
    piece = shortest
    for size in longer:
        if _seconds(partial(step, size)) > limit:
            break
        piece = size
    return piece


def _sizes(most: int) -> list[int]:
    """16, 24, 32, 48, 64, 96 ... up to ``most``."""
    powers = [_SHORTEST << power for power in range(most.bit_length())]
    sizes = (size for power in powers for size in (power, power + power // 2))
    return [*(size for size in sizes if size < most), most]


def _seconds(work: Callable[[], object]) -> float:
    """The least of a few times: the first finds nothing in place, others may be disturbed."""
    times = []
    for _ in range(_TRIALS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)
