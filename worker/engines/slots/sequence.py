"""One generation in the engine: its ids, how many are cached, and who waits for it."""

from collections.abc import Iterable
from concurrent.futures import Future
from math import isfinite
from secrets import randbits

from common.sampling import FinishReason
from worker.engines.base import Completion, EngineError, Generation, OnTokens, Token
from worker.engines.progress import Progress
from worker.engines.slots.choice import Choice
from worker.engines.slots.draw import Draw
from worker.engines.slots.grammar import Grammar
from worker.engines.slots.lookup import Lookup


class Sequence:
    """Prompt and generated ids; the first ``cached`` of them stand in the KV cache.

    Prefill caches all but the last id. The last one goes through the model in a step of
    the batch, and what it predicts is the next id. ``draft`` may follow it in that step.
    """

    def __init__(
        self,
        request: Generation,
        progress: Progress,
        on_tokens: OnTokens,
        grammar: Grammar | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        seed = request.sampling.seed
        self.ids = [*request.prompt_ids, *progress.ids]
        self.cached = 0
        self.draft: list[int] = []
        self.outcome: Future[Completion] = Future()
        self._prompt_tokens = len(request.prompt_ids)
        self._sampling = request.sampling
        self._seed = randbits(64) if seed is None else seed
        self._progress = progress
        self._on_tokens = on_tokens
        self._grammar = grammar
        self._lookup = lookup
        self._allowed = grammar.allowed() if grammar else None

    @property
    def is_prefilled(self) -> bool:
        """Whether only the last id has yet to go through the model."""
        return self.cached == len(self.ids) - 1

    @property
    def chance(self) -> float:
        """How likely the next id is drafted right, 0..1."""
        return self._lookup.chance() if self._lookup else 0.0

    @property
    def draws(self) -> list[Draw]:
        """How to choose the next id, and those after each of ``draft``.

        Under a grammar only the next one: what it allows then depends on what that is.
        """
        position = len(self.ids) - self._prompt_tokens
        count = 1 if self._grammar else 1 + len(self.draft)
        return [
            Draw.of(self._sampling, self._seed, position + n, self._allowed) for n in range(count)
        ]

    def propose(self, tokens: int) -> None:
        """Draft so many ids for the next step, whatever they are worth."""
        self.draft = self._lookup.propose(tokens) if self._lookup else self.ids[-1:] * tokens

    def reuse(self, tokens: int) -> None:
        """Note that the first ``tokens`` ids stand in the cache already."""
        self.cached = tokens
        self._progress.cached_tokens = min(tokens, self._prompt_tokens)

    def append(self, choices: Iterable[Choice]) -> None:
        """Take the ids of a step, to the end if one is the last, and report them together.

        Raises EngineError if one is not a number's choice.
        """
        tokens: list[Token] = []
        for choice in choices:
            if self._progress.transcript.finish_reason is not None:
                break
            tokens.append(self._take(choice))
        self._progress.note_draft(len(self.draft), len(tokens) - 1)
        self.draft = []
        self._on_tokens(tokens)
        if self._grammar is not None and self._progress.finish_reason() is None:
            self._grammar.accept(self.ids[-1])
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

    def _take(self, choice: Choice) -> Token:
        if not isfinite(choice.logprob):
            raise EngineError("the model computed no number: its weights or precision are bad")
        self.cached = len(self.ids)
        self.ids.append(choice.token_id)
        if self._lookup is not None:
            self._lookup.push(choice.token_id)
        return self._progress.push(*choice)
