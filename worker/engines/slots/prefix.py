"""What the rows of a KV cache hold, and which of them a new prompt can begin with."""

from collections.abc import Sequence as Ids
from itertools import takewhile

from worker.engines.slots.sequence import Sequence


class Rows:
    """The sequence that each row belongs to, or belonged to last.

    What a row holds outlives its sequence: a prompt that begins like it, with the same system
    prompt, say, need not compute that beginning again. Another row than a prompt's own is taken
    where it holds ``worth_copying`` tokens more of it.
    """

    def __init__(self, worth_copying: int = 1) -> None:
        self._worth_copying = worth_copying
        self._rows: dict[int, Sequence] = {}
        self.reused_tokens = 0  #: that were not computed again

    def holds(self, slot: int, sequence: Sequence) -> bool:
        """Whether the row is that of ``sequence``."""
        return self._rows.get(slot) is sequence

    def give(self, slot: int, sequence: Sequence) -> int:
        """Make the row that of ``sequence``; return the row that its beginning is in.

        ``sequence.cached`` is then how much that is.
        """
        wanted = sequence.ids[:-1]
        common = {slot: 0} | {
            row: _common_prefix(one.ids[: one.cached], wanted) for row, one in self._rows.items()
        }
        lender = max(common, key=lambda row: common[row])
        if common[lender] < common[slot] + self._worth_copying:
            lender = slot
        sequence.reuse(common[lender])
        self.reused_tokens += common[lender]
        self._rows[slot] = sequence
        return lender

    def forget(self, slot: int) -> None:
        """The row holds nothing any more."""
        self._rows.pop(slot, None)


def _common_prefix(a: Ids[int], b: Ids[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
