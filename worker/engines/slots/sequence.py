"""One generation in the engine: its ids, how many are cached, and who waits for it."""

from collections.abc import Iterable
from concurrent.futures import Future
from math import isfinite
from secrets import randbits

from common.sampling import FinishReason
from worker.engines.base import Completion, EngineError, Generation, OnTokens
from worker.engines.progress import Progress
from worker.engines.slots.draw import Draw
from worker.engines.slots.grammar import Grammar


class Sequence:
    """Prompt and generated ids; the first ``cached`` of them stand in the KV cache.

    Prefill caches all but the last id. The last one goes through the model in a step of
    the batch, and what it predicts is the next id.
    """

    def __init__(
        self,
        request: Generation,
        progress: Progress,
        on_tokens: OnTokens,
        grammar: Grammar | None = None,
    ) -> None:
        seed = request.sampling.seed
        self.ids = [*request.prompt_ids, *progress.ids]
        self.cached = 0
        self.outcome: Future[Completion] = Future()
        self._prompt_tokens = len(request.prompt_ids)
        self._sampling = request.sampling
        self._seed = randbits(64) if seed is None else seed
        self._progress = progress
        self._on_tokens = on_tokens
        self._grammar = grammar
        self._allowed = grammar.allowed() if grammar else None

    @property
    def is_prefilled(self) -> bool:
        """Whether only the last id has yet to go through the model."""
        return self.cached == len(self.ids) - 1

    @property
    def draw(self) -> Draw:
        """How to choose the next id."""
        position = len(self.ids) - self._prompt_tokens
        return Draw.of(self._sampling, self._seed, position, self._allowed)

    def reuse(self, tokens: int) -> None:
        """Note that the first ``tokens`` ids stand in the cache already."""
        self.cached = tokens
        self._progress.cached_tokens = min(tokens, self._prompt_tokens)

    def append(self, token_id: int, logprob: float, top: Iterable[tuple[int, float]] = ()) -> None:
        """Take the next id and report it. Raises EngineError if it is not a number's choice."""
        if not isfinite(logprob):
            raise EngineError("the model computed no number: its weights or precision are bad")
        self.cached = len(self.ids)
        self.ids.append(token_id)
        self._on_tokens([self._progress.push(token_id, logprob, top)])
        if self._grammar is not None and self._progress.finish_reason() is None:
            self._grammar.accept(token_id)
            self._allowed = self._grammar.allowed()

    def finish_reason(self) -> FinishReason | None:
        """Why the generation is over by now, or None to go on."""
        return self._progress.finish_reason()

    def finish(self, reason: FinishReason) -> None:
        """Let the caller go, with the completion."""
        self.outcome.set_result(self._progress.completion(reason))

    def fail(self, message: str, cause: BaseException | None = None) -> None:
        """Let the caller go, with an EngineError of the cause's own kind if it is one."""
        error = type(cause)(message) if isinstance(cause, EngineError) else EngineError(message)
        error.__cause__ = cause
        self.outcome.set_exception(error)
