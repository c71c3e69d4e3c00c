"""The model and its cache: fills rows with prompts, and moves all rows on by a token."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ids
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.engines.slots.choice import Choice, accepted
from worker.engines.slots.draw import Draw
from worker.engines.slots.prefix import Rows
from worker.engines.slots.sequence import Sequence
from worker.engines.transformers.cache import COLUMN_BLOCK, SlotCache, in_blocks
from worker.engines.transformers.graphs import Forward, Record, StepGraphs
from worker.engines.transformers.llama import Llama, Part
from worker.engines.transformers.loading import ATTENTION
from worker.engines.transformers.memory import within_memory
from worker.engines.transformers.pace import GRAIN, measure
from worker.engines.transformers.pieces import Piece, places, runs, width_of
from worker.engines.transformers.sampling import Sampler

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


#: Where the rows of a rehearsal are: as deep as most answers.
REHEARSED_COLUMN = 256
#: How its ids are chosen: as most are.
REHEARSED_DRAW = Draw(temperature=0.1, u=0.5)


class ModelRunner:
    """Implements Runner: ``model`` over a SlotCache.

    ``piece_tokens`` is how much of a prompt is cached at once, less while others decode; ``record``
    makes the graphs that decoding is replayed from, without drafts and with those of
    ``draft_tokens``.
    """

    def __init__(
        self,
        model: "LlamaForCausalLM",
        slots: int,
        context_size: int,
        piece_tokens: int,
        record: Record | None = None,
        draft_tokens: int = 0,
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
        lengths = sorted({1, 1 + draft_tokens})
        self._graphs = StepGraphs(
            self._llama.next_logits, slots, context_size, model.device, lengths
        )
        if record is not None:
            self._graphs.record(record)
        self._next: Forward = self._graphs if record else self._llama.next_logits
        self._pace = measure(slots, context_size, self._try)

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
            "prefill_tokens_beside_one": self._pace.longest(
                self._pace.spare(1, COLUMN_BLOCK), 0, self.piece_tokens
            ),
            "reused_prompt_tokens": self._rows.reused_tokens,
            "graphs": len(self._graphs),
            "threads": torch.get_num_threads(),
        }

    def step(self, running: Mapping[int, Sequence]) -> dict[int, list[Choice]]:
        """Cache a piece of the prompts that are not, in order; what comes next in the others."""
        return within_memory(self._step, running)

    def rehearse(self, rows: int, draft: int) -> None:
        """See Runner; with choosing, which takes time for each id of a draft."""
        column = min(REHEARSED_COLUMN, self.cache.scratch // 2)
        decoding = [Piece(slot, [0] * (1 + draft), column) for slot in range(rows)]
        with torch.inference_mode():
            self._sampler.choose(self._logits(decoding, []), [REHEARSED_DRAW] * rows * (1 + draft))

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

    def _step(self, running: Mapping[int, Sequence]) -> dict[int, list[Choice]]:
        pieces = self._pieces(running, self._spare(running))
        ready = {slot: one for slot, one in running.items() if one.is_prefilled}
        order = sorted(ready) if pieces else range(max(ready, default=-1) + 1)
        asked = [ready.get(slot) for slot in order]
        length = 1 + max((len(one.draft) for one in ready.values()), default=0)
        rows = [self._row(slot, ready.get(slot), length) for slot in order]
        for piece in pieces:
            one = running[piece.slot]
            asked.append(one if piece.end == len(one.ids) else None)
        with torch.inference_mode():
            logits = self._logits(rows, pieces)
            chosen = self._choose(logits, asked, [length] * len(rows) + [1] * len(pieces))
        for piece in pieces:
            one = running[piece.slot]
            one.cached = min(piece.end, len(one.ids) - 1)
        slots = [piece.slot for piece in (*rows, *pieces)]
        return {
            slot: accepted(choices, one.draft)
            for slot, one, choices in zip(slots, asked, chosen, strict=True)
            if one
        }

    def _spare(self, running: Mapping[int, Sequence]) -> float:
        """Seconds that pieces of prompts may take beside those that decode."""
        decoding = {slot: one.cached + 1 for slot, one in running.items() if one.is_prefilled}
        return self._pace.spare(
            rows=max(decoding, default=-1) + 1, width=in_blocks(max(decoding.values(), default=0))
        )

    def _pieces(self, running: Mapping[int, Sequence], seconds: float) -> list[Piece]:
        """What can be read in ``seconds`` of the prompts that are not cached, the oldest first.

        Newcomers are seated when their turn comes: by then another row may hold their beginning.
        """
        pieces: list[Piece] = []
        room = self.piece_tokens
        for slot, sequence in running.items():
            if room > 0 or sequence.is_prefilled:
                self._seat(slot, sequence)
            if room > 0 and not sequence.is_prefilled:
                start = sequence.cached
                least = 0 if pieces else min(GRAIN, room)
                room = max(least, self._pace.longest(seconds, start, room))
                piece = Piece(slot, sequence.ids[start : start + room], start)
                room -= len(piece.ids)
                seconds -= self._pace.piece.seconds(len(piece.ids), in_blocks(piece.end))
                pieces += [piece] if piece.ids else []
        return pieces

    def _seat(self, slot: int, sequence: Sequence) -> None:
        """See that the row is the sequence's; a newcomer begins with what any row holds of it."""
        if self._rows.holds(slot, sequence):
            return
        lender = self._rows.give(slot, sequence)
        if lender != slot:
            self.cache.copy(lender, slot, sequence.cached)

    def _row(self, slot: int, sequence: Sequence | None, length: int) -> Piece:
        """The last id of a sequence and its draft; of a row that has none, ids for scratch.

        All are ``length`` long: what is behind a draft, no row looks at.
        """
        if sequence is None:
            return Piece(slot, [0] * length, self.cache.scratch)
        ids = [sequence.ids[-1], *sequence.draft]
        return Piece(slot, ids + [0] * (length - len(ids)), sequence.cached)

    def _choose(
        self, logits: Tensor, asked: list[Sequence | None], sizes: list[int]
    ) -> list[list[Choice]]:
        """What each may take of its ``sizes`` rows of ``logits``; nothing for nobody."""
        wanted = [one.draws if one else [] for one in asked]
        draws = [
            draw
            for own, size in zip(wanted, sizes, strict=True)
            for draw in own + [Draw()] * (size - len(own))
        ]
        chosen = iter(self._sampler.choose(logits, draws))
        rows = [list(islice(chosen, size)) for size in sizes]
        return [row[: len(own)] for row, own in zip(rows, wanted, strict=True)]

    def _logits(self, rows: list[Piece], pieces: list[Piece]) -> Tensor:
        """[tokens, vocab] after each id of ``rows`` and the last of ``pieces``.

        Without pieces, the rows are those from 0 on.
        """
        if pieces:
            hidden = self._hidden_states(rows, pieces)
            decoded = sum(len(row.ids) for row in rows)
            ends = accumulate((len(piece.ids) for piece in pieces), initial=decoded)
            last = [end - 1 for end in islice(ends, 1, None)]
            return self._llama.logits(hidden[self._tensor([*range(decoded), *last])])
        scratch = self.cache.scratch
        ids, columns = [row.ids for row in rows], [row.columns(scratch) for row in rows]
        return self._next(self._tensor(ids), self._tensor(columns), width_of(rows, scratch))

    def _hidden_states(self, rows: list[Piece], pieces: list[Piece]) -> Tensor:
        """[tokens, hidden_size] of all ids in one pass: what reads the weights once is cheap."""
        scratch = self.cache.scratch
        parts = [
            Part(slice(run[0].slot, run[-1].slot + 1), len(run[0].ids), width_of(run, scratch))
            for run in (*runs(rows), *([piece] for piece in pieces))
        ]
        ids, slots, columns = self._tensor(places((*rows, *pieces), scratch)).unbind(1)
        return self._llama.hidden_states(ids, slots, columns, parts)

    def _tensor(self, numbers: list[Any]) -> Tensor:
        return torch.tensor(numbers, device=self.model.device)

    def _score(self, start: int, ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = self._llama.logits(self._hidden_states([], [Piece(0, ids, start)]))
        scores: NDArray[np.float32] = logits.float().cpu().numpy()
        return scores

    def _try(self, rows: int, width: int, tokens: int, end: int) -> None:
        """A step of the first ``rows`` over ``width`` columns, and a piece that ends at ``end``."""
        decoding = [Piece(slot, [0], width - 1) for slot in range(rows)]
        piece = Piece(0, [0] * tokens, end - tokens)
        with torch.inference_mode():
            self._logits(decoding, [piece] if tokens else [])[-1, 0].item()
