"""The model and its cache: fills rows with prompts, and moves all rows on by a token."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ids
from typing import TYPE_CHECKING, Any

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
from worker.engines.transformers.llama import Llama
from worker.engines.transformers.loading import ATTENTION
from worker.engines.transformers.memory import within_memory
from worker.engines.transformers.pace import longest_piece
from worker.engines.transformers.sampling import Sampler

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

#: Attention looks at a multiple of this many columns.
COLUMN_BLOCK = 64


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
        self.shared_piece_tokens = longest_piece(self.piece_tokens, self._try_prefill, self._try)

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
        waits = any(sequence.is_prefilled for sequence in running.values())
        self._prefill(running, self.shared_piece_tokens if waits else self.piece_tokens)
        ready = {slot: sequence for slot, sequence in running.items() if sequence.is_prefilled}
        return self._decode(ready) if ready else {}

    def _seat(self, slot: int, sequence: Sequence) -> None:
        """See that the row is the sequence's; a newcomer begins with what any row holds of it."""
        if self._rows.holds(slot, sequence):
            return
        lender = self._rows.give(slot, sequence)
        if lender != slot:
            self.cache.copy(lender, slot, sequence.cached)

    def _prefill(self, running: Mapping[int, Sequence], room: int) -> None:
        """Cache up to ``room`` tokens of the prompts, each up to its last id but one.

        A newcomer is seated when its turn comes: by then the row before may hold its beginning.
        """
        for slot, sequence in running.items():
            if room or sequence.is_prefilled:
                self._seat(slot, sequence)
            start = sequence.cached
            end = min(start + room, len(sequence.ids) - 1)
            if start < end:
                self._read(slot, sequence.ids[start:end], start)
                sequence.cached = end
                room -= end - start

    def _read(self, slot: int, ids: list[int], start: int) -> Tensor:
        """Cache ``ids`` from column ``start`` on; their hidden states [tokens, hidden_size]."""
        end = start + len(ids)
        with torch.inference_mode():
            return self._llama.hidden_states(
                torch.tensor([ids], device=self.model.device),
                torch.arange(start, end, device=self.model.device)[None],
                slice(slot, slot + 1),
                self._width(end),
            )[0]

    def _decode(self, ready: Mapping[int, Sequence]) -> dict[int, Choice]:
        rows = [ready.get(slot) for slot in range(max(ready) + 1)]
        last_ids = [[row.ids[-1] if row else 0] for row in rows]
        columns = [[row.cached if row else self.cache.scratch] for row in rows]
        draws = [row.draw if row else Draw() for row in rows]
        width = self._width(1 + max(sequence.cached for sequence in ready.values()))
        with torch.inference_mode():
            logits = self._next(self._tensor(last_ids), self._tensor(columns), width)
            chosen = self._sampler.choose(logits, draws)
        return {slot: chosen[slot] for slot in ready}

    def _score(self, start: int, ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = self._llama.logits(self._read(0, ids, start))
        scores: NDArray[np.float32] = logits.float().cpu().numpy()
        return scores

    def _width(self, columns: int) -> int:
        """How much of the cache attention looks at, to see ``columns`` of it."""
        return min(-(-columns // COLUMN_BLOCK) * COLUMN_BLOCK, self.cache.scratch)

    def _tensor(self, numbers: list[list[int]]) -> Tensor:
        return torch.tensor(numbers, device=self.model.device)

    def _try_prefill(self, tokens: int) -> None:
        """A piece of so many tokens, of no prompt, in the middle of the context."""
        self._read(0, [0] * tokens, (self.cache.scratch - tokens) // 2)[-1, 0].item()

    def _try(self) -> None:
        """A step of all slots, for nobody, in the middle of the context."""
        middle = self.cache.scratch // 2
        ids, columns = [[0]] * self.cache.slots, [[middle]] * self.cache.slots
        with torch.inference_mode():
            logits = self._next(self._tensor(ids), self._tensor(columns), self._width(1 + middle))
            logits[-1, 0].item()
