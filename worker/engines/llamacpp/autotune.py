"""Measures how many threads this model wants on this machine.

More threads than cores, hyperthreads, or those of another socket make a step slower, and how
many are best depends on the model. The other knobs have measured defaults: see docs/tuning.md.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Protocol

from worker.engines.llamacpp.context import Entry, Threads

logger = logging.getLogger(__name__)

#: Seconds that a sweep may take; what was measured by then decides.
BUDGET_SECONDS = 30.0
#: A smaller gain is noise, and the default stays.
WORTHWHILE = 0.97
_STEPS = 12
_DEPTH = 64


class Stepper(Protocol):
    """The part of a Context that a sweep needs."""

    def set_threads(self, threads: Threads) -> None: ...

    def decode(self, entries: Sequence[Entry]) -> None: ...

    def forget(self, slot: int, position: int) -> None: ...


def candidates(most: int) -> list[int]:
    """Thread counts worth a try, ``most`` first: 16, 12, 8, 6, 4, 3, 2, 1."""
    counts = [most]
    for halved in range(most.bit_length()):
        counts += [most * 3 // 4 >> halved, most // 2 >> halved]
    return sorted({count for count in counts if count}, reverse=True)


def choose(seconds: Mapping[int, float]) -> int:
    """The threads of the fastest step, where it beats the first of ``seconds`` clearly."""
    default = next(iter(seconds))
    best = min(seconds, key=lambda threads: seconds[threads])
    return best if seconds[best] < WORTHWHILE * seconds[default] else default


def sweep(context: Stepper, slots: int, most: int, budget: float = BUDGET_SECONDS) -> Threads:
    """Measure steps of one slot and of all, with fewer and fewer threads; sets the best."""
    deadline = time.monotonic() + budget
    one: dict[int, float] = {}
    many: dict[int, float] = {}
    _fill(context, slots)
    for count in candidates(most):
        context.set_threads(Threads(count, count))
        one[count] = median(_steps(context, 1, deadline))
        many[count] = median(_steps(context, slots, deadline))
        logger.info("%d threads: %.1f ms, %.1f ms", count, 1e3 * one[count], 1e3 * many[count])
        if time.monotonic() >= deadline:
            break
    for slot in range(slots):
        context.forget(slot, 0)
    best = Threads(choose(one), choose(many))
    context.set_threads(best)
    return best


def _fill(context: Stepper, slots: int) -> None:
    for slot in range(slots):
        context.decode([Entry(slot, at, at) for at in range(_DEPTH)])


def _steps(context: Stepper, slots: int, deadline: float) -> Iterator[float]:
    """Seconds of steps of ``slots`` rows, the first left out; at least one."""
    for step in range(_STEPS + 1):
        started = time.monotonic()
        context.decode([Entry(slot, _DEPTH, 1, wants_logits=True) for slot in range(slots)])
        ended = time.monotonic()
        for slot in range(slots):
            context.forget(slot, _DEPTH)
        if step:
            yield ended - started
            if ended >= deadline:
                return
