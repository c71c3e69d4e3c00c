"""Sequences in llama.cpp's KV cache: fills one with a prompt, or moves all on by a token."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ids
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from worker.engines.llamacpp.context import Context, Entry
from worker.engines.llamacpp.sampling import choose
from worker.engines.slots.choice import Choice, accepted
from worker.engines.slots.prefix import Rows
from worker.engines.slots.sequence import Sequence

#: Copying a row costs as much as reading some tens of tokens.
WORTH_COPYING_TOKENS = 64


class LlamaRunner:
    """Implements Runner over ``context``, which has a row for every slot.

    A row keeps what it holds when its sequence ends; the next one in that slot goes on from
    the ids that both begin with. Where another row begins with far more of them (a long system
    prompt, say) that row is copied first.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._rows = Rows(WORTH_COPYING_TOKENS)

    def step(self, running: Mapping[int, Sequence]) -> dict[int, list[Choice]]:
        """Cache a piece of the first newcomer's prompt; the next id of everybody else."""
        newcomers = ((slot, one) for slot, one in running.items() if not one.is_prefilled)
        for slot, newcomer in islice(newcomers, 1):
            self.prefill(slot, newcomer)
        ready = {slot: one for slot, one in running.items() if one.is_prefilled}
        return self.decode(ready) if ready else {}

    def prefill(self, slot: int, sequence: Sequence) -> None:
        """Cache the next piece of a sequence, up to its last id but one."""
        self._seat(slot, sequence)
        start = sequence.cached
        end = min(start + self.context.n_batch, len(sequence.ids) - 1)
        if start < end:
            self.context.decode([Entry(slot, at, sequence.ids[at]) for at in range(start, end)])
            sequence.cached = end

    def decode(self, sequences: Mapping[int, Sequence]) -> dict[int, list[Choice]]:
        """One forward pass for all: what comes next in each slot."""
        for slot, sequence in sequences.items():
            self._seat(slot, sequence)
        self._decode_rows(
            {slot: (one.cached, [one.ids[-1], *one.draft]) for slot, one in sequences.items()}
        )
        chosen, row = {}, 0
        for slot, one in sequences.items():
            chosen[slot] = self._choose(row, one)
            row += 1 + len(one.draft)
            if one.draft:
                self.context.forget(slot, one.cached + len(chosen[slot]))
        return chosen

    def rehearse(self, rows: int, draft: int) -> None:
        """See Runner."""
        self._decode_rows({slot: (0, [0] * (1 + draft)) for slot in range(rows)})
        for slot in range(rows):
            self.context.forget(slot, 0)

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
        self._rows.forget(slot)
        self.context.forget(slot, 0)

    def close(self) -> None:
        """Free the model."""
        self.context.close()

    def _decode_rows(self, rows: Mapping[int, tuple[int, list[int]]]) -> None:
        """Ids from a position on, for each slot; the logits of all are wanted."""
        self.context.decode(
            [
                Entry(slot, start + at, token_id, wants_logits=True)
                for slot, (start, ids) in rows.items()
                for at, token_id in enumerate(ids)
            ]
        )

    def _choose(self, row: int, sequence: Sequence) -> list[Choice]:
        """What comes after each id of a sequence, from ``row`` of the batch on, while it agrees."""
        choices = (
            choose(self.context.logits(row + n), draw) for n, draw in enumerate(sequence.draws)
        )
        return accepted(choices, sequence.draft)

    def _seat(self, slot: int, sequence: Sequence) -> None:
        """Make the row of ``slot`` hold ids of ``sequence`` only."""
        if self._rows.holds(slot, sequence):
            return
        lender = self._rows.give(slot, sequence)
        if lender != slot:
            self.context.copy(lender, slot)
        self.context.forget(slot, sequence.cached)
