"""How the next token of one generation is to be chosen."""

from dataclasses import dataclass
from hashlib import blake2b

from common.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Draw:
    """How to choose the next token of one row; ``u`` in [0, 1) is its luck.

    ``allowed`` has a bit for each id that may come, the lowest first; None allows all.
    ``top`` is how many of the likeliest ids are wanted, allowed or not.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    u: float = 0.0
    allowed: bytes | None = None
    top: int = 0

    @classmethod
    def of(
        cls, sampling: Sampling, seed: int, position: int, allowed: bytes | None = None
    ) -> "Draw":
        """Generated token number ``position``, counted from 0."""
        u = uniform(seed, position)
        top = sampling.logprobs or 0
        return cls(sampling.temperature, sampling.top_k, sampling.top_p, u, allowed, top)


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that ``seed`` and ``position`` alone decide.

    Counter-based: a generation that resumes at any position draws what it would have drawn.
    """
    digest = blake2b(f"{seed}:{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 12) / 2**52
