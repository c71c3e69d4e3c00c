"""One answer of an upstream as it comes, and the same answer once more.

An upstream's token ids are not known here, so an id is a fingerprint of the token's text. An
attempt that resumes asks the upstream again from the beginning: what it repeats is compared
with the fingerprints and not reported, and what comes after is new. Another answer is an
error: it could only be joined to the first one as nonsense.
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from common.estimate import EstimatingTokenizer
from common.sampling import FinishReason
from worker.engines.base import Completion, EngineError, Generation, OnTokens, RequestRefused
from worker.engines.openai.wire import Delta, Piece, Usage
from worker.engines.progress import Progress

#: The id that ends an answer; a fingerprint is 1 or more, below 2^18.
END = 0
#: A token that the upstream counted and did not show.
UNSEEN = Piece("")


class Answer:
    """Takes the deltas of one stream; for one thread at a time."""

    def __init__(
        self, request: Generation, on_tokens: OnTokens, cancelled: Event, context_size: int
    ) -> None:
        fresh = replace(request, generated_ids=(), prompt_ids=())
        self._progress = Progress(fresh, EstimatingTokenizer(), context_size, cancelled)
        self._known = tuple(request.generated_ids)
        self._on_tokens = on_tokens
        self._usage: Usage | None = None
        self._logprob_sum = 0.0

    def over(self) -> FinishReason | None:
        """Why nothing more is wanted, or None."""
        if END in self._known:
            return FinishReason.STOP
        if len(self._known) >= self._progress.sampling.max_tokens:
            return FinishReason.LENGTH
        return self._progress.finish_reason()

    @property
    def ended(self) -> bool:
        """Whether it is whole: by a stop string, max_tokens, or the upstream's word."""
        return self._progress.transcript.finish_reason is not None

    def take(self, delta: Delta) -> None:
        """Go on by one event of the stream. Raises EngineError."""
        self._usage = delta.usage or self._usage
        for piece in delta.pieces:
            if self.over() is None:
                self._push(piece, fingerprint(piece.text))

    def finish(self, reason: str | None) -> None:
        """The stream is at its end. Raises EngineError if the upstream did not say why."""
        if reason is None and not self.ended:
            raise EngineError("the upstream broke off: it gave no finish_reason")
        if reason == "content_filter":
            raise RequestRefused("the upstream's content filter stopped the answer")
        if self.ended:
            return
        ended = FinishReason.LENGTH if reason == "length" else FinishReason.STOP
        for left in range(self._missing(ended) - 1, -1, -1):
            self._push(UNSEEN, END if left == 0 else fingerprint(""))
        self._progress.transcript.finish_reason = ended

    def completion(self, reason: FinishReason) -> Completion:
        """Sum up this call."""
        completion = self._progress.completion(reason)
        made = len(completion.token_ids)
        usage = self._usage
        return replace(
            completion,
            token_ids=completion.token_ids if made > len(self._known) else self._known,
            new_tokens=max(0, made - len(self._known)),
            logprob_sum=self._logprob_sum,
            cached_tokens=usage.cached_tokens if usage else 0,
            prompt_tokens=usage.prompt_tokens if usage else None,
        )

    def _missing(self, ended: FinishReason) -> int:
        """Tokens to add, so that as many are counted as the upstream did."""
        at_least = int(self._progress.transcript.holds)
        if self._usage is None:
            return max(at_least, int(ended is FinishReason.STOP))
        counted = min(self._usage.completion_tokens, self._progress.sampling.max_tokens)
        return max(at_least, counted - len(self._progress.ids))

    def _push(self, piece: Piece, token_id: int) -> None:
        position = len(self._progress.ids)
        if position < len(self._known):
            check_repeated(self._known, position, token_id)
        logprob = piece.logprobs.chosen.logprob if piece.logprobs else None
        token = self._progress.push(token_id, logprob or 0.0, text=piece.text)
        if position < len(self._known):
            return
        self._logprob_sum += logprob or 0.0
        wanted = self._progress.sampling.logprobs is not None
        shown = piece.logprobs if wanted else None
        try:
            self._on_tokens([replace(token, logprob=logprob, logprobs=shown)])
        except Exception as error:
            raise EngineError(f"a token could not be delivered: {error}") from error


def fingerprint(text: str) -> int:
    """1..2^18-1."""
    return zlib.crc32(text.encode()) % (2**18 - 1) + 1


def check_repeated(known: Sequence[int], position: int, token_id: int) -> None:
    """Raises RequestRefused if the upstream does not say again what it said before."""
    if known[position] != token_id:
        raise RequestRefused(
            f"the upstream gave another answer when it was asked again: it differs at token "
            f"{position + 1} of {len(known)} that were sent already (a seed or temperature 0 "
            "makes a repetition likely, and only the upstream can promise it)"
        )
