"""Sequences in llama.cpp's KV cache: fills one with a prompt, or moves all on by a token."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ids
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from worker.engines.llamacpp.context import Context, Entry
from worker.engines.llamacpp.sampling import choose
from worker.engines.slots.choice import Choice
from worker.engines.slots.sequence import Sequence


class LlamaRunner:
    """Implements Runner over ``context``, which has a row for every slot.

    A row keeps what it holds when its sequence ends; the next one in that slot goes on from
    the ids that both begin with.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._seated: dict[int, Sequence] = {}

    def prefill(self, slot: int, sequence: Sequence) -> None:
        """Cache the next piece of a sequence, up to its last id but one."""
        self._seat(slot, sequence)
        start = sequence.cached
        end = min(start + self.context.n_batch, len(sequence.ids) - 1)
        if start < end:
            self.context.decode([Entry(slot, at, sequence.ids[at]) for at in range(start, end)])
            sequence.cached = end

    def decode(self, sequences: Mapping[int, Sequence]) -> dict[int, Choice]:
        """One forward pass for all: what comes next in each slot."""
        for slot, sequence in sequences.items():
            self._seat(slot, sequence)
        self.context.decode(
            [
                Entry(slot, sequence.cached, sequence.ids[-1], wants_logits=True)
                for slot, sequence in sequences.items()
            ]
        )
        return {
            slot: choose(self.context.logits(row), sequence.draw)
            for row, (slot, sequence) in enumerate(sequences.items())
        }

    def score(self, ids: Ids[int]) -> Iterator[NDArray[np.float32]]:
        """The raw logits [piece, vocab] after each of ``ids``, a piece at a time, in slot 0."""
        self.clear(0)
        for start in range(0, len(ids), self.context.n_batch):
            piece = ids[start : start + self.context.n_batch]
            self.context.decode(
                [
                    Entry(0, start + at, token_id, wants_logits=True)
                    for at, token_id in enumerate(piece)
                ]
            )
            yield np.stack([self.context.logits(row) for row in range(len(piece))])

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers may be bad."""
        self._seated.pop(slot, None)
        self.context.forget(slot, 0)

    def close(self) -> None:
        """Free the model."""
        self.context.close()

    def _seat(self, slot: int, sequence: Sequence) -> None:
        """Make the row of ``slot`` hold ids of ``sequence`` only."""
        previous = self._seated.get(slot)
        if previous is sequence:
            return
        held = previous.ids[: previous.cached] if previous else []
        sequence.reuse(_common_prefix(held, sequence.ids[:-1]))
        self.context.forget(slot, sequence.cached)
        self._seated[slot] = sequence


def _common_prefix(a: list[int], b: list[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
