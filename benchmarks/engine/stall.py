"""What a long prompt costs the others, and what its beginning costs the second time."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from threading import Condition, Event, Thread
from typing import NamedTuple

from benchmarks.engine.contenders import CONTEXT_TOKENS
from common.sampling import Sampling
from worker.engines.base import Engine, Generation

_STEPS_BEFORE = 16
_PROMPT_TOKENS = 20
_LONG_PROMPTS = 5


@dataclass(frozen=True, slots=True)
class Stall:
    """The longest wait for a token in ordinary ones, and seconds: of these, of both readings."""

    longest_wait: float
    step_seconds: float
    first_read_seconds: float
    second_read_seconds: float


class Reading(NamedTuple):
    """Seconds of waits for a token before it and meanwhile, and of itself."""

    ordinary: list[float]
    waits: list[float]
    seconds: float


class Clock:
    """When the tokens of a slot came."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._told = Condition()

    def note(self, _: object) -> None:
        """A token came."""
        with self._told:
            self._times.append(time.perf_counter())
            self._told.notify()

    def waits(self, count: int) -> list[float]:
        """The next ``count`` waits, in seconds."""
        with self._told:
            first = len(self._times)
            self._told.wait_for(lambda: len(self._times) > first + count)
            return _gaps(self._times[first:])

    def waits_during(self, work: Callable[[], float]) -> tuple[list[float], float]:
        """Those while ``work`` is done, and what it returns."""
        last = len(self._times) - 1
        found = work()
        return _gaps(self._times[last:]), found


def measure_stall(engine: Engine, prompt: list[int]) -> Stall:
    """While one slot decodes, a long prompt comes, several times; then the last comes again.

    All readings go through the same steps, and what else the machine does makes some of them
    longer: of each step the least of its times counts, and of these the longest. The engine's
    answers must go on until they are cancelled.
    """
    readings = [
        _reading(engine, prompt, prompt[turn:] + prompt[:turn])
        for turn in range(1, _LONG_PROMPTS + 1)
    ]
    ordinary = median(_least(reading.ordinary for reading in readings))
    second = _first_token(engine, prompt[_LONG_PROMPTS:] + prompt[:_LONG_PROMPTS])
    return Stall(
        longest_wait=max(_least(reading.waits for reading in readings)) / ordinary,
        step_seconds=ordinary,
        first_read_seconds=median(reading.seconds for reading in readings),
        second_read_seconds=second,
    )


def _reading(engine: Engine, prompt: list[int], asked: list[int]) -> Reading:
    """Of ``asked``, beside an answer to the beginning of ``prompt``."""
    clock, enough = Clock(), Event()
    room = CONTEXT_TOKENS - _PROMPT_TOKENS
    running = Generation(prompt[:_PROMPT_TOKENS], Sampling(max_tokens=room, temperature=0))
    neighbour = Thread(target=engine.generate, args=(running, clock.note, enough))
    neighbour.start()
    ordinary = clock.waits(_STEPS_BEFORE)
    waits, seconds = clock.waits_during(lambda: _first_token(engine, asked))
    enough.set()
    neighbour.join()
    return Reading(ordinary, waits, seconds)


def _least(readings: Iterable[list[float]]) -> list[float]:
    """Of each place in them."""
    return [min(times) for times in zip(*readings, strict=False)]


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _first_token(engine: Engine, prompt: list[int]) -> float:
    """Seconds from a prompt to its answer's first token."""
    asked = Generation(prompt, Sampling(max_tokens=1, temperature=0))
    started = time.perf_counter()
    engine.generate(asked, lambda _: None, Event())
    return time.perf_counter() - started
