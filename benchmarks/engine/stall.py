"""What a long prompt costs the others, and what its beginning costs the second time."""

import time
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from threading import Event, Thread

from benchmarks.engine.contenders import CONTEXT_TOKENS
from common.sampling import Sampling
from worker.engines.base import Engine, Generation

_STEPS_BEFORE = 12
_PROMPT_TOKENS = 20
_LONG_PROMPTS = 3


@dataclass(frozen=True, slots=True)
class Stall:
    """Seconds of a step, of the longest wait for a token, and of both readings of the prompt."""

    step_seconds: float
    longest_seconds: float
    first_read_seconds: float
    second_read_seconds: float

    @property
    def steps(self) -> float:
        """How many steps the longest wait was longer than one."""
        return self.longest_seconds / self.step_seconds - 1


def measure_stall(engine: Engine, prompt: list[int]) -> Stall:
    """While one slot decodes, long prompts come one after the other; then the last comes again.

    The longest wait is the median of what each of them causes: what else the machine does may
    fall on one. The engine's answers must go on until they are cancelled.
    """
    times: list[float] = []
    seen, enough = Event(), Event()

    def note(_: object) -> None:
        times.append(time.perf_counter())
        if len(times) == _STEPS_BEFORE:
            seen.set()

    room = CONTEXT_TOKENS - _PROMPT_TOKENS
    running = Generation(prompt[:_PROMPT_TOKENS], Sampling(max_tokens=room, temperature=0))
    neighbour = Thread(target=engine.generate, args=(running, note, enough))
    neighbour.start()
    seen.wait()
    longest = []
    for turn in range(1, _LONG_PROMPTS + 1):
        came = len(times) - 1
        asked = prompt[turn:] + prompt[:turn]
        first = _first_token(engine, asked)
        longest.append(max(_gaps(times[came:])))
    second = _first_token(engine, asked)
    enough.set()
    neighbour.join()
    return Stall(median(_gaps(times[1:_STEPS_BEFORE])), median(longest), first, second)


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _first_token(engine: Engine, prompt: list[int]) -> float:
    """Seconds from a prompt to its answer's first token."""
    asked = Generation(prompt, Sampling(max_tokens=1, temperature=0))
    started = time.perf_counter()
    engine.generate(asked, lambda _: None, Event())
    return time.perf_counter() - started
