"""What a step of the model chose for one row."""

from typing import NamedTuple


class Choice(NamedTuple):
    """The next id, its raw log-probability, and the likeliest ids with theirs, best first."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()
