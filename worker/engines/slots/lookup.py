"""Prompt lookup: drafts the next ids from what followed the same ids before.

The n-gram speculation of transformers (``prompt_lookup_num_tokens``) and vLLM (``ngram``): it
needs no second model, and gains where an answer repeats its prompt or itself.
"""

from collections.abc import Iterable

#: How many of the last ids are looked for, most first.
SIZES = (3, 2, 1)
#: The share of drafts that are right, before anything is known of a sequence.
PRIOR = 0.4
#: What the latest draft weighs in that share.
WEIGHT = 0.1


class Lookup:
    """The ids of one sequence, and where the last few of them stood before.

    A draft is a function of the ids alone. Each id that comes is compared with the one that would
    have been drafted, whether it was or not: so the share of right ones is known without a try.
    """

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._right = dict.fromkeys(SIZES, PRIOR)
        for token_id in ids:
            self._note(token_id)

    def push(self, token_id: int) -> None:
        """Take the id that came."""
        size, at = self._find()
        if size:
            self._right[size] += WEIGHT * ((self._ids[at] == token_id) - self._right[size])
        self._note(token_id)

    def chance(self) -> float:
        """How likely the next id is drafted right, 0..1; 0 if these ids are new."""
        size, _ = self._find()
        return self._right.get(size, 0.0)

    def propose(self, tokens: int) -> list[int]:
        """A draft of ``tokens`` ids: the last one again and again if these ids are new."""
        _, at = self._find()
        period = len(self._ids) - at
        return [self._ids[at + n % period] for n in range(tokens)]

    def _find(self) -> tuple[int, int]:
        """How many of the last ids stood together before, and where the id after them stands."""
        for size in SIZES:
            at = self._after.get(tuple(self._ids[-size:]))
            if at is not None:
                return size, at
        return 0, len(self._ids) - 1

    def _note(self, token_id: int) -> None:
        for size in SIZES:
            self._after[tuple(self._ids[-size:])] = len(self._ids)
        self._ids.append(token_id)
