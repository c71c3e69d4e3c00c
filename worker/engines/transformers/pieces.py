"""Ids on their way into the rows of the cache."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from worker.engines.transformers.cache import in_blocks


class Piece(NamedTuple):
    """Ids that go into row ``slot`` from column ``start`` on."""

    slot: int
    ids: list[int]
    start: int

    @property
    def end(self) -> int:
        """The column after the last."""
        return self.start + len(self.ids)

    def columns(self, scratch: int) -> list[int]:
        """Where its ids go; what has no place in the context goes to ``scratch``."""
        return [min(column, scratch) for column in range(self.start, self.end)]


def runs(rows: Sequence[Piece]) -> list[list[Piece]]:
    """``rows``, in ascending order, in runs of slots that lie side by side."""
    numbered = groupby(enumerate(rows), lambda one: one[1].slot - one[0])
    return [[row for _, row in run] for _, run in numbered]


def width_of(pieces: Iterable[Piece], scratch: int) -> int:
    """How many columns attention looks at, for all of ``pieces``."""
    seen = max((piece.end for piece in pieces if piece.start < scratch), default=1)
    return min(in_blocks(seen), scratch)


def places(pieces: Iterable[Piece], scratch: int) -> list[tuple[int, int, int]]:
    """Each id with its row and column, one piece after the other."""
    return [
        (token_id, piece.slot, column)
        for piece in pieces
        for token_id, column in zip(piece.ids, piece.columns(scratch), strict=True)
    ]
