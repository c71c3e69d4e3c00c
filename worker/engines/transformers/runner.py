"""The model and its cache: fills rows with prompts, and moves all rows on by a token."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ids
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.engines.slots.choice import Choice
from worker.engines.slots.draw import Draw
from worker.engines.slots.prefix import Rows
from worker.engines.slots.sequence import Sequence
from worker.engines.transformers.cache import SlotCache
from worker.engines.transformers.graphs import Forward, Record, StepGraphs
from worker.engines.transformers.llama import Llama, Part
from worker.engines.transformers.loading import ATTENTION
from worker.engines.transformers.memory import within_memory
from worker.engines.transformers.pace import longest_piece
from worker.engines.transformers.sampling import Sampler

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


#: Attention looks at a multiple of this many columns.
COLUMN_BLOCK = 64


class Piece(NamedTuple):
    """Ids that go into row ``slot`` from column ``start`` on."""

    slot: int
    ids: list[int]
    start: int

    @property
    def end(self) -> int:
        """The column after the last."""
        return self.start + len(self.ids)


class ModelRunner:
    """Implements Runner: ``model`` over a SlotCache.

    ``piece_tokens`` is how much of a prompt is cached at once, ``shared_piece_tokens`` how much
    while others decode; ``record`` makes the graphs that decoding is replayed from.
    """

    def __init__(
        self,
        model: "LlamaForCausalLM",
        slots: int,
        context_size: int,
        piece_tokens: int,
        record: Record | None = None,
    ) -> None:
        config = model.config
        self.model = model
        self.piece_tokens = min(piece_tokens, context_size)
        self.cache = SlotCache(
            layers=config.num_hidden_layers,
            slots=slots,
            heads=config.num_key_value_heads,
            context_size=context_size,
            head_dim=config.head_dim,
            dtype=model.dtype,
            device=model.device,
        )
        self._llama = Llama(model, self.cache)
        self._rows = Rows()
        self._sampler = Sampler(model.device)
        self._graphs = StepGraphs(self._llama.next_logits, slots, context_size, model.device)
        if record is not None:
            self._graphs.record(record)
        self._next: Forward = self._graphs if record else self._llama.next_logits
        self.shared_piece_tokens = longest_piece(self.piece_tokens, self._try)

    @property
    def memory_bytes(self) -> int:
        """Weights and cache."""
        weights: int = self.model.get_memory_footprint()
        return weights + self.cache.bytes

    def details(self) -> dict[str, Any]:
        """What an operator may want to see."""
        return {
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "attention": ATTENTION,
            "kv_cache_bytes": self.cache.bytes,
            "prefill_tokens": self.piece_tokens,
            "prefill_tokens_beside_others": self.shared_piece_tokens,
            "reused_prompt_tokens": self._rows.reused_tokens,
            "graphs": len(self._graphs),
            "threads": torch.get_num_threads(),
        }

    def step(self, running: Mapping[int, Sequence]) -> dict[int, Choice]:
        """Cache a piece of the prompts that are not, in order; the next id of the others."""
        return within_memory(self._step, running)

    def score(self, ids: Ids[int]) -> Iterator[NDArray[np.float32]]:
        """The raw logits [piece, vocab] after each of ``ids``, a piece at a time, in slot 0."""
        self._rows.forget(0)
        for start in range(0, len(ids), self.piece_tokens):
            piece = list(ids[start : start + self.piece_tokens])
            yield within_memory(self._score, start, piece)

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers may be bad."""
        self._rows.forget(slot)
        self.cache.clear(slot)

    def close(self) -> None:
        """Give the memory of the model back."""
        del self.model, self.cache, self._llama, self._graphs, self._next
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _step(self, running: Mapping[int, Sequence]) -> dict[int, Choice]:
        others = any(one.is_prefilled for one in running.values())
        pieces = self._pieces(running, self.shared_piece_tokens if others else self.piece_tokens)
        ready = {slot: one for slot, one in running.items() if one.is_prefilled}
        asked = [ready.get(slot) for slot in range(max(ready, default=-1) + 1)]
        rows = [self._row(slot, one) for slot, one in enumerate(asked)]
        for piece in pieces:
            one = running[piece.slot]
            asked.append(one if piece.end == len(one.ids) else None)
        with torch.inference_mode():
            logits = self._logits(rows, pieces)
            chosen = self._sampler.choose(logits, [one.draw if one else Draw() for one in asked])
        for piece in pieces:
            one = running[piece.slot]
            one.cached = min(piece.end, len(one.ids) - 1)
        slots = [piece.slot for piece in (*rows, *pieces)]
        return {slot: choice for slot, one, choice in zip(slots, asked, chosen, strict=True) if one}

    def _pieces(self, running: Mapping[int, Sequence], room: int) -> list[Piece]:
        """Up to ``room`` tokens of the prompts that are not cached, the oldest first.

        Newcomers are seated when their turn comes: by then another row may hold their beginning.
        """
        pieces = []
        for slot, sequence in running.items():
            if room > 0 or sequence.is_prefilled:
                self._seat(slot, sequence)
            if room > 0 and not sequence.is_prefilled:
                start = sequence.cached
                pieces.append(Piece(slot, sequence.ids[start : start + room], start))
                room -= len(pieces[-1].ids)
        return pieces

    def _seat(self, slot: int, sequence: Sequence) -> None:
        """See that the row is the sequence's; a newcomer begins with what any row holds of it."""
        if self._rows.holds(slot, sequence):
            return
        lender = self._rows.give(slot, sequence)
        if lender != slot:
            self.cache.copy(lender, slot, sequence.cached)

    def _row(self, slot: int, sequence: Sequence | None) -> Piece:
        """The last id of a sequence; of a row that has none, an id that goes to scratch."""
        if sequence is None:
            return Piece(slot, [0], self.cache.scratch)
        return Piece(slot, sequence.ids[-1:], sequence.cached)

    def _logits(self, rows: list[Piece], pieces: list[Piece]) -> Tensor:
        """[rows and pieces, vocab] after the last id of each; ``rows`` are those from 0 on."""
        if pieces:
            hidden = self._hidden_states(rows, pieces)
            ends = list(accumulate(len(piece.ids) for piece in (*rows, *pieces)))
            return self._llama.logits(hidden[self._tensor(ends) - 1])
        ids, columns = [row.ids for row in rows], [[row.start] for row in rows]
        return self._next(self._tensor(ids), self._tensor(columns), self._width_of(rows))

    def _hidden_states(self, rows: list[Piece], pieces: list[Piece]) -> Tensor:
        """[tokens, hidden_size] of all ids in one pass: what reads the weights once is cheap."""
        parts = [Part(slice(0, len(rows)), 1, self._width_of(rows))] if rows else []
        for piece in pieces:
            row = slice(piece.slot, piece.slot + 1)
            parts.append(Part(row, len(piece.ids), self._width_of([piece])))
        tokens = [
            (token_id, piece.slot, piece.start + at)
            for piece in (*rows, *pieces)
            for at, token_id in enumerate(piece.ids)
        ]
        ids, slots, columns = self._tensor(tokens).unbind(1)
        return self._llama.hidden_states(ids, slots, columns, parts)

    def _width_of(self, pieces: list[Piece]) -> int:
        """How many columns attention looks at, for all of ``pieces``."""
        scratch = self.cache.scratch
        seen = max((piece.end for piece in pieces if piece.start < scratch), default=1)
        return min(-(-seen // COLUMN_BLOCK) * COLUMN_BLOCK, scratch)

    def _tensor(self, numbers: list[Any]) -> Tensor:
        return torch.tensor(numbers, device=self.model.device)

    def _score(self, start: int, ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = self._llama.logits(self._hidden_states([], [Piece(0, ids, start)]))
        scores: NDArray[np.float32] = logits.float().cpu().numpy()
        return scores

    def _try(self, tokens: int = 0) -> None:
        """A step of all slots, in the middle of the context, with a piece of so many tokens."""
        rows = [Piece(slot, [0], self.cache.scratch // 2) for slot in range(self.cache.slots)]
        piece = Piece(0, [0] * tokens, (self.cache.scratch - tokens) // 2)
        with torch.inference_mode():
            self._logits(rows, [piece] if tokens else [])[-1, 0].item()
