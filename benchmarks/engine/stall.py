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
    """While one slot decodes, ``prompt`` comes; then it comes again.

    The engine's answers must go on until they are cancelled.
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
    came = len(times)
    reads = [_first_token(engine, prompt) for _ in range(2)]
    enough.set()
    neighbour.join()
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return Stall(median(gaps[1 : came - 1]), max(gaps[came - 1 :]), *reads)


def _first_token(engine: Engine, prompt: list[int]) -> float:
    """Seconds from a prompt to its answer's first token."""
    ids = [*prompt[::-1]]  # another text than the neighbour's
    asked = Generation(ids, Sampling(max_tokens=1, temperature=0))
    started = time.perf_counter()
    engine.generate(asked, lambda _: None, Event())
    return time.perf_counter() - started
