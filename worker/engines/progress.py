"""One call of ``generate`` under way: what it has made, when, and whether to go on."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Event

from common.logprobs import Likelihood, TokenLogprobs
from common.sampling import FinishReason
from worker.engines.base import Completion, EngineError, Generation, Token
from worker.engines.transcript import Decoder, replay


class Progress:
    """The transcript of a generation with its clock.

    The end of the context counts as the end of ``max_tokens``. Raises EngineError if the
    prompt leaves no room for a token.
    """

    def __init__(
        self,
        request: Generation,
        decoder: Decoder,
        context_size: int,
        cancelled: Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        room = context_size - len(request.prompt_ids)
        if room < 1:
            raise EngineError(
                f"a prompt of {len(request.prompt_ids)} tokens leaves no room in a context "
                f"of {context_size}"
            )
        self.sampling = replace(request.sampling, max_tokens=min(request.sampling.max_tokens, room))
        self.transcript = replay(decoder, self.sampling, request.generated_ids)
        self.cached_tokens = 0  #: of the prompt, those that need not be computed
        self.drafted_tokens = self.accepted_tokens = 0
        self._decoder = decoder
        self._resumed = len(self.transcript.ids)
        self._deadline = request.deadline
        self._cancelled = cancelled
        self._clock = clock
        self._started = clock()
        self._first: float | None = None
        self._last = self._started
        self._logprob_sum = 0.0

    @property
    def ids(self) -> list[int]:
        """All generated ids, those of earlier attempts first."""
        return self.transcript.ids

    @property
    def remaining(self) -> int:
        """How many tokens may still come."""
        return self.sampling.max_tokens - len(self.ids)

    def push(
        self,
        token_id: int,
        logprob: float,
        top: Iterable[tuple[int, float]] = (),
        text: str | None = None,
    ) -> Token:
        """Append a token just made; ``top`` are the likeliest ids with their log-probabilities.

        ``text`` is the token's own, where the decoder does not know the id.
        """
        self._last = self._clock()
        if self._first is None:
            self._first = self._last
        self._logprob_sum += logprob
        token = self.transcript.push(token_id, logprob, text)
        if self.sampling.logprobs is None:
            return token
        return replace(token, logprobs=self._logprobs(token_id, logprob, top))

    def note_draft(self, drafted: int, accepted: int) -> None:
        """So many tokens were drafted in a step, and so many of them were right."""
        self.drafted_tokens += drafted
        self.accepted_tokens += accepted

    def finish_reason(self) -> FinishReason | None:
        """Why the generation is over by now, or None to go on."""
        if self.transcript.finish_reason is not None:
            return self.transcript.finish_reason
        if self._cancelled.is_set():
            return FinishReason.CANCELLED
        if self._deadline is not None and self._clock() >= self._deadline:
            return FinishReason.TIMEOUT
        return None

    def completion(self, reason: FinishReason) -> Completion:
        """Sum up this call."""
        first = self._first
        return Completion(
            text=self.transcript.text,
            token_ids=tuple(self.ids),
            finish_reason=reason,
            new_tokens=len(self.ids) - self._resumed,
            logprob_sum=self._logprob_sum,
            time_to_first_token_seconds=None if first is None else first - self._started,
            decode_seconds=0.0 if first is None else self._last - first,
            cached_tokens=self.cached_tokens,
            drafted_tokens=self.drafted_tokens,
            accepted_tokens=self.accepted_tokens,
        )

    def _logprobs(
        self, token_id: int, logprob: float, top: Iterable[tuple[int, float]]
    ) -> TokenLogprobs:
        shown = b"" if token_id in self._decoder.eos_token_ids else self._bytes(token_id)
        alternatives = (Likelihood(self._bytes(i), logprob) for i, logprob in top)
        return TokenLogprobs(Likelihood(shown, logprob), tuple(alternatives))

    def _bytes(self, token_id: int) -> bytes:
        return self._decoder.token_bytes(token_id)
