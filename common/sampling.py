"""How a job's tokens are chosen, and why they stopped."""

from dataclasses import dataclass
from enum import StrEnum


class FinishReason(StrEnum):
    """Why a generation stopped."""

    STOP = "stop"  #: the model ended its answer, or a stop string appeared
    LENGTH = "length"  #: max_tokens, or the end of the context
    CANCELLED = "cancelled"  #: somebody no longer wants it
    TIMEOUT = "timeout"  #: its time was used up


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The answer is JSON that satisfies ``schema``, a JSON Schema in JSON.

    ``name`` and ``strict`` mean something to an upstream only.
    """

    schema: str = '{"type":"object"}'
    name: str = ""  #: empty for any JSON object
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Sampling:
    """The knobs of one generation, as the client asked for them.

    ``temperature`` 0 is greedy; ``top_k`` 0 and ``top_p`` 1 are off. A ``seed`` makes a
    generation reproducible for equal batch shapes: token n is drawn with u(seed, n).
    ``logprobs`` is how many alternatives are kept with each token: None is off, 0 keeps the
    chosen one alone. Without a ``response_format`` the answer is free text.
    """

    max_tokens: int = 200
    temperature: float = 0.1
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    response_format: ResponseFormat | None = None
