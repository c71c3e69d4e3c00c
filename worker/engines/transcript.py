"""Token ids in, visible text out: detokenization, stop strings and the end, for all engines.

Visible text is a pure function of the ids. An attempt that resumes replays the ids of its
predecessors through a new Transcript and stands exactly where they stood.
"""

from collections.abc import Sequence
from typing import Protocol

from common.sampling import FinishReason, Sampling
from worker.engines.base import Token


class Decoder(Protocol):
    """The part of a tokenizer that a transcript needs."""

    @property
    def eos_token_ids(self) -> frozenset[int]: ...

    def decode(self, ids: Sequence[int]) -> str: ...

    def token_bytes(self, token_id: int) -> bytes: ...


#: What a decoder shows for bytes that are not (yet) a character.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """Turns ids into text one at a time, holding back unfinished UTF-8.

    Decodes a short window instead of all ids, so a step costs the same at any length:
    ``_start`` is where the window begins, ``_shown`` how far its text has been given out.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._ids: list[int] = []
        self._start = 0
        self._shown = 0

    def push(self, token_id: int) -> str:
        """Return the text that ``token_id`` completes."""
        self._ids.append(token_id)
        text = self._pending()
        if not text or text.endswith(REPLACEMENT):
            return ""
        self._advance()
        return text

    def flush(self) -> str:
        """Return what is still held back, unfinished characters replaced."""
        text = self._pending()
        self._advance()
        return text

    def _pending(self) -> str:
        window = self._decoder.decode(self._ids[self._start :])
        shown = self._decoder.decode(self._ids[self._start : self._shown])
        return window[len(shown) :]

    def _advance(self) -> None:
        self._start, self._shown = self._shown, len(self._ids)


class StopStrings:
    """Finds stop strings, holding back text that could become one."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self.found = False

    @property
    def holds(self) -> bool:
        """Whether text is held back."""
        return bool(self._held)

    def push(self, text: str) -> str:
        """Return the text that can no longer be part of a stop string."""
        text = self._held + text
        hits = [(at + len(s), at) for s in self._stop if (at := text.find(s)) >= 0]
        if hits:
            self.found, self._held = True, ""
            return text[: min(hits)[1]]
        keep = max((_overlap(text, s) for s in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """Return what is held back: no stop string came of it."""
        text, self._held = self._held, ""
        return text


class Transcript:
    """The ids of one generation, and what a reader may see of them."""

    def __init__(self, decoder: Decoder, sampling: Sampling) -> None:
        self._detokenizer = Detokenizer(decoder)
        self._stop = StopStrings(sampling.stop)
        self._eos = decoder.eos_token_ids
        self._max_tokens = sampling.max_tokens
        self._pieces: list[str] = []
        self.ids: list[int] = []
        self.finish_reason: FinishReason | None = None

    @property
    def text(self) -> str:
        """All visible text so far."""
        return "".join(self._pieces)

    @property
    def holds(self) -> bool:
        """Whether text is held back that the next token releases."""
        return self._stop.holds

    def push(self, token_id: int, logprob: float = 0.0, text: str | None = None) -> Token:
        """Append a token; ``finish_reason`` is set if it was the last one.

        ``text`` is the token's own, where the decoder does not know the id.
        """
        self.ids.append(token_id)
        ended = token_id in self._eos
        if text is None:
            text = "" if ended else self._detokenizer.push(token_id)
        text = self._stop.push(text)
        last = ended or len(self.ids) >= self._max_tokens
        if last and not self._stop.found:
            text += self._stop.push(self._detokenizer.flush())
        if ended or self._stop.found:
            self.finish_reason = FinishReason.STOP
        elif last:
            self.finish_reason = FinishReason.LENGTH
        if last and not self._stop.found:
            text += self._stop.flush()
        self._pieces.append(text)
        return Token(token_id, logprob, text)


def replay(decoder: Decoder, sampling: Sampling, ids: Sequence[int]) -> Transcript:
    """Rebuild the transcript of ``ids``; a set ``finish_reason`` says they had ended."""
    transcript = Transcript(decoder, sampling)
    for token_id in ids:
        if transcript.finish_reason is not None:
            break
        transcript.push(token_id)
    return transcript


def _overlap(text: str, stop: str) -> int:
    """Length of the longest suffix of ``text`` that is a proper prefix of ``stop``."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
