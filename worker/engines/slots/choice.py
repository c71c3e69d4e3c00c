"""What a step of the model chose for one row."""

from collections.abc import Iterable
from typing import NamedTuple


class Choice(NamedTuple):
    """The next id, its raw log-probability, and the likeliest ids with theirs, best first."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def accepted(choices: Iterable[Choice], draft: Iterable[int]) -> list[Choice]:
    """The choices up to the first that was not drafted, that one included.

    ``choices`` are those after the last id of a row, and after each id of ``draft`` behind it: one
    is of use as long as all ids before it are right. No more of them are made than that.
    """
    taken = []
    for choice, drafted in zip(choices, (*draft, None), strict=False):
        taken.append(choice)
        if choice.token_id != drafted:
            break
    return taken
