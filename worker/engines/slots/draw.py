"""How the next token of one generation is to be chosen."""

from dataclasses import dataclass
from hashlib import blake2b

from common.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Draw:
    """How to choose the next token of one row; ``u`` in [0, 1) is its luck."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    u: float = 0.0

    @classmethod
    def of(cls, sampling: Sampling, seed: int, position: int) -> "Draw":
        """Generated token number ``position``, counted from 0."""
        u = uniform(seed, position)
        return cls(sampling.temperature, sampling.top_k, sampling.top_p, u)


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that ``seed`` and ``position`` alone decide.

    Counter-based: a generation that resumes at any position draws what it would have drawn.
    """
    digest = blake2b(f"{seed}:{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 12) / 2**52
