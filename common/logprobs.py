"""Log-probabilities of tokens, as an engine reports them and a record keeps them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Stands for a probability of zero, which has no logarithm; JSON knows no infinity.
IMPOSSIBLE = -9999.0


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The bytes of a token, which may be part of a character, and its log-probability.

    ``logprob`` is the natural logarithm of the raw probability: before temperature, top_k,
    top_p and a response format.
    """

    data: bytes
    logprob: float

    @property
    def text(self) -> str:
        """The bytes as text, broken characters replaced."""
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """The token that was chosen, empty where it only ended the answer, and the likeliest."""

    chosen: Likelihood
    top: tuple[Likelihood, ...] = ()


def dump_logprobs(tokens: Iterable[TokenLogprobs]) -> str:
    """The stored form: JSON of a list, without its brackets, so that chunks can be joined."""
    rows = (
        [*_pair(token.chosen), [_pair(likelihood) for likelihood in token.top]] for token in tokens
    )
    return ",".join(json.dumps(row, separators=(",", ":")) for row in rows)


def load_logprobs(text: str) -> list[TokenLogprobs]:
    """Read the stored form, one entry a token."""
    return [
        TokenLogprobs(_likelihood(row), tuple(_likelihood(pair) for pair in row[2]))
        for row in json.loads(f"[{text}]")
    ]


def _pair(likelihood: Likelihood) -> list[str | float]:
    """Bytes as Latin-1: JSON has no bytes, and most of them are ASCII anyway."""
    logprob = max(IMPOSSIBLE, round(likelihood.logprob, 4))
    return [likelihood.data.decode("latin-1"), logprob]


def _likelihood(row: Sequence[object]) -> Likelihood:
    return Likelihood(str(row[0]).encode("latin-1"), float(str(row[1])))
