"""How fast an engine is: the first token, and decoding with several slots at once."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier, Event

from common.sampling import Sampling
from common.tokenizer import Tokenizer
from worker.engines.base import Engine, EngineError, Generation, Token

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated measurements, and how far they lie apart."""

    median: float
    least: float
    most: float
    values: list[float]

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Sum up ``values``."""
        return cls(statistics.median(values), min(values), max(values), values)


class Endless:
    """A tokenizer whose answers never end by themselves: every run makes as many tokens."""

    eos_token_ids: frozenset[int] = frozenset()

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.vocab_size = tokenizer.vocab_size
        self.encode = tokenizer.encode
        self.decode = tokenizer.decode
        self.token_bytes = tokenizer.token_bytes


class Stopwatch:
    """Notes when each token of one generation came."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, tokens: list[Token]) -> None:
        """Take the tokens of a step."""
        self.times += [time.monotonic()] * len(tokens)


def first_token(engine: Engine, prompt: Sequence[int]) -> float:
    """Seconds from the call to the first token, alone in the engine."""
    completion = engine.generate(_request(prompt, 1), lambda _: None, Event())
    assert completion.time_to_first_token_seconds is not None  # noqa: S101 - it made one
    return completion.time_to_first_token_seconds


def decode_rate(engine: Engine, prompts: Sequence[Sequence[int]], new_tokens: int) -> float:
    """Tokens a second of all ``prompts`` together, while every one of them decodes.

    Raises EngineError where they never did: a small model may end one before the next begins.
    """
    for _ in range(_TRIES):
        rate = _rate_together(_watched(engine, prompts, new_tokens))
        if rate is not None:
            return rate
    raise EngineError(
        f"{len(prompts)} streams of {new_tokens} tokens never decoded together in {_TRIES} tries: "
        "the machine is too busy to measure"
    )


def _watched(engine: Engine, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[Stopwatch]:
    """Generate for all prompts at once; when the tokens of each came."""
    watches = [Stopwatch() for _ in prompts]
    together = Barrier(len(prompts))

    def generate(prompt: Sequence[int], watch: Stopwatch) -> None:
        together.wait()
        engine.generate(_request(prompt, new_tokens), watch, Event())

    with ThreadPoolExecutor(len(prompts)) as callers:
        list(callers.map(generate, prompts, watches))
    return watches


def _rate_together(watches: Sequence[Stopwatch]) -> float | None:
    """Tokens a second while all of them decoded; None if that was never."""
    start = max(watch.times[0] for watch in watches)
    end = min(watch.times[-1] for watch in watches)
    made = sum(1 for watch in watches for moment in watch.times if start < moment <= end)
    return made / (end - start) if end > start else None


def _request(prompt: Sequence[int], new_tokens: int) -> Generation:
    return Generation(prompt, Sampling(max_tokens=new_tokens, temperature=0.0))
