"""The keys and values of every slot, in one tensor a layer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

#: Attention looks at a multiple of this many columns.
COLUMN_BLOCK = 64


class SlotCache:
    """A static KV cache with a position of its own for every slot.

    ``keys`` and ``values`` hold a tensor [slots, heads, context_size + 1, head_dim] for
    each layer; a row is a slot, a column a position. The last column is scratch: a row that
    has to go along with a step but has nothing to add writes there.
    """

    def __init__(
        self,
        layers: int,
        slots: int,
        heads: int,
        context_size: int,
        head_dim: int,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        shape = (slots, heads, context_size + 1, head_dim)
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.scratch = context_size

    @property
    def bytes(self) -> int:
        """Memory taken."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers went bad: even masked, a NaN spreads."""
        for tensor in (*self.keys, *self.values):
            tensor[slot].zero_()

    def window(self, rows: slice, columns: Sequence[Sequence[int]]) -> "Window":
        """What one forward pass over ``rows`` sees; token t of row r goes to columns[r][t]."""
        device = self.keys[0].device
        seen = 1 + max((c for row in columns for c in row if c != self.scratch), default=0)
        width = min(-(-seen // COLUMN_BLOCK) * COLUMN_BLOCK, self.scratch)
        return Window(self, rows, torch.tensor(columns, device=device), width)


class Window:
    """The rows and columns of one forward pass; stands in for transformers' ``Cache``.

    ``position_ids`` is [rows, tokens]; a token that goes to scratch stands at position 0.
    ``attention_mask`` is [rows, 1, tokens, width] and additive: a token sees the columns up
    to its own position.
    """

    def __init__(self, cache: SlotCache, rows: slice, columns: Tensor, width: int) -> None:
        self._cache, self._rows, self._columns, self._width = cache, rows, columns, width
        self._row_numbers = torch.arange(len(columns), device=columns.device)[:, None]
        self.position_ids = columns.masked_fill(columns == cache.scratch, 0)
        hidden = torch.arange(width, device=columns.device) > self.position_ids[:, None, :, None]
        visible = torch.zeros(hidden.shape, dtype=cache.keys[0].dtype, device=columns.device)
        self.attention_mask = visible.masked_fill(hidden, float("-inf"))

    def update(
        self, key: Tensor, value: Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Store ``key`` and ``value`` [rows, heads, tokens, head_dim]; return all to attend to."""
        return (
            self._store(self._cache.keys[layer], key),
            self._store(self._cache.values[layer], value),
        )

    def _store(self, stored: Tensor, new: Tensor) -> Tensor:
        rows = stored[self._rows]
        rows[self._row_numbers, :, self._columns] = new.transpose(1, 2)
        return rows[:, :, : self._width]
