"""The model and its cache: fills one row with a prompt, or moves all rows on by a token."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ids
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.engines.slots.choice import Choice
from worker.engines.slots.draw import Draw
from worker.engines.slots.sequence import Sequence
from worker.engines.transformers.cache import SlotCache, Window
from worker.engines.transformers.loading import ATTENTION
from worker.engines.transformers.memory import within_memory
from worker.engines.transformers.sampling import choose

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

#: The most prompt tokens at once on a CPU: 512 stall the neighbours for 0.35 s on two cores.
CPU_CHUNK_TOKENS = 128


class ModelRunner:
    """Implements Runner: ``model`` over a SlotCache."""

    def __init__(
        self, model: "LlamaForCausalLM", slots: int, context_size: int, chunk_tokens: int
    ) -> None:
        config = model.config
        self.model = model
        self.chunk_tokens = chunk_tokens
        if model.device.type == "cpu":
            self.chunk_tokens = min(chunk_tokens, CPU_CHUNK_TOKENS)
        self.cache = SlotCache(
            layers=config.num_hidden_layers,
            slots=slots,
            heads=config.num_key_value_heads,
            context_size=context_size,
            head_dim=config.head_dim,
            dtype=model.dtype,
            device=model.device,
        )

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
            "prefill_tokens": self.chunk_tokens,
            "threads": torch.get_num_threads(),
        }

    def prefill(self, slot: int, sequence: Sequence) -> None:
        """Cache the next piece of a sequence, up to its last id but one."""
        within_memory(self._prefill, slot, sequence)

    def decode(self, sequences: Mapping[int, Sequence]) -> dict[int, Choice]:
        """One forward pass for all: what comes next in each slot."""
        return within_memory(self._decode, sequences)

    def score(self, ids: Ids[int]) -> Iterator[NDArray[np.float32]]:
        """The raw logits [piece, vocab] after each of ``ids``, a piece at a time, in slot 0."""
        for start in range(0, len(ids), self.chunk_tokens):
            piece = list(ids[start : start + self.chunk_tokens])
            yield within_memory(self._score, start, piece)

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers may be bad."""
        self.cache.clear(slot)

    def close(self) -> None:
        """Give the memory of the model back."""
        del self.model, self.cache
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _prefill(self, slot: int, sequence: Sequence) -> None:
        start = sequence.cached
        end = min(start + self.chunk_tokens, len(sequence.ids) - 1)
        with torch.inference_mode():
            window = self.cache.window(slice(slot, slot + 1), [range(start, end)])
            self._hidden_states([sequence.ids[start:end]], window)
        sequence.cached = end

    def _score(self, start: int, ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            window = self.cache.window(slice(0, 1), [range(start, start + len(ids))])
            logits = self.model.lm_head(self._hidden_states([ids], window)[0])
        scores: NDArray[np.float32] = logits.float().cpu().numpy()
        return scores

    def _decode(self, sequences: Mapping[int, Sequence]) -> dict[int, Choice]:
        rows = [sequences.get(slot) for slot in range(max(sequences) + 1)]
        last_ids = [[row.ids[-1] if row else 0] for row in rows]
        columns = [[row.cached if row else self.cache.scratch] for row in rows]
        draws = [row.draw if row else Draw() for row in rows]
        with torch.inference_mode():
            window = self.cache.window(slice(0, len(rows)), columns)
            hidden = self._hidden_states(last_ids, window)
            chosen = choose(self.model.lm_head(hidden[:, -1]), draws)
        return {slot: chosen[slot] for slot in sequences}

    def _hidden_states(self, ids: list[list[int]], window: Window) -> Tensor:
        """[rows, tokens, hidden_size] of ``ids`` [rows, tokens]."""
        return self.model.model(
            input_ids=torch.tensor(ids, device=self.model.device),
            position_ids=window.position_ids,
            attention_mask=window.attention_mask,
            past_key_values=window,
        ).last_hidden_state
