"""What a worker asks of a model: one protocol, implemented by every engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from common.features import Feature
from common.logprobs import TokenLogprobs
from common.prompt import Prompt
from common.sampling import FinishReason, Sampling


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    ``logprob`` is the natural logarithm of its raw probability, before temperature,
    top_k, top_p and a response format; None if nobody knows it. ``text`` is the visible text that it releases: empty while bytes of
    a character or a possible stop string are held back. ``logprobs`` are there if the
    request asks for them.
    """

    id: int
    logprob: float | None
    text: str
    logprobs: TokenLogprobs | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """One request to an engine.

    ``generated_ids`` were made by an earlier attempt: the engine prefills them after the
    prompt and goes on; they are neither reported nor counted again. ``deadline`` is in
    seconds of ``time.monotonic()``. ``prompt`` is what ``prompt_ids`` were made from, for
    an engine that has no use for ids.
    """

    prompt_ids: Sequence[int]
    sampling: Sampling
    generated_ids: Sequence[int] = ()
    deadline: float | None = None
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """How one call of ``generate`` ended.

    ``text`` and ``token_ids`` are whole: they include what earlier attempts made.
    ``logprob_sum`` is over the ``new_tokens`` of this call. ``decode_seconds`` runs from
    this call's first token to its last; ``time_to_first_token_seconds`` is None where the
    call made none. Of the prompt's tokens ``cached_tokens`` did not have to be computed;
    ``prompt_tokens`` is set where the engine counts the prompt itself. ``drafted_tokens`` were
    put through the model on the chance of being right, as ``accepted_tokens`` of them were.
    """

    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    new_tokens: int
    logprob_sum: float
    time_to_first_token_seconds: float | None
    decode_seconds: float
    cached_tokens: int = 0
    prompt_tokens: int | None = None
    drafted_tokens: int = 0
    accepted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is loaded; shown by ``/model/info``. Sizes in bytes."""

    engine: str
    model_name: str
    quantization: str
    context_size: int
    slots: int
    gpu_layers: int | None
    parameters: int | None
    artifact_bytes: int | None
    memory_bytes: int | None
    device: str
    features: tuple[Feature, ...] = ()  #: what a request may ask for beyond text
    details: dict[str, Any] = field(default_factory=dict)


#: Called from the engine with the tokens of one step; it must return at once.
OnTokens = Callable[[list[Token]], None]


class EngineError(Exception):
    """The engine failed; another attempt may succeed."""


class ModelUnavailable(EngineError):
    """The model's files are missing or cannot be read."""


class RequestRefused(EngineError):
    """This request cannot be fulfilled, by no attempt; the engine is well."""


class EngineBusy(EngineError):
    """The engine takes nothing right now; ask again after ``retry_after_seconds``."""

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class EngineOutOfMemory(EngineError):
    """A step needed more memory than there is; alone in the engine it may succeed."""


class Engine(Protocol):
    """One model, a fixed number of slots, all decoded in one batch."""

    def load(self) -> None:
        """Load the model. Raises ModelUnavailable."""

    def warmup(self) -> float:
        """Run a short generation through every slot; return the seconds it took."""

    def generate(self, request: Generation, on_tokens: OnTokens, cancelled: Event) -> Completion:
        """Generate until the end, from the calling thread, batched with other calls.

        Blocks. Safe to call from as many threads as there are slots; further calls wait
        for a slot. Stops within one step once ``cancelled`` is set or the deadline has
        passed, prefill included. Raises EngineError.
        """

    def busy_slots(self) -> int:
        """Slots that hold a generation right now, 0..slots."""

    def last_step(self) -> float:
        """``time.monotonic()`` of the last step; now, if no slot is busy."""

    def info(self) -> EngineInfo:
        """What is loaded."""

    def close(self) -> None:
        """Free the model. Generations under way end with EngineError."""
