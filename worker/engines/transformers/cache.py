"""The keys and values of every slot, in one tensor."""

import torch

#: Attention looks at a multiple of this many columns.
COLUMN_BLOCK = 64


def in_blocks(columns: int) -> int:
    """``columns``, rounded up to what attention looks at."""
    return -(-columns // COLUMN_BLOCK) * COLUMN_BLOCK


class SlotCache:
    """A static KV cache with a position of its own for every slot.

    ``stored`` is [layers, slots, context_size + 1, 2 * heads, head_dim], the heads' keys before
    their values; a column is a position. The last column is scratch: a row that has to go along
    with a step but has nothing to add writes there.
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
        shape = (layers, slots, context_size + 1, 2 * heads, head_dim)
        self.stored = torch.zeros(shape, dtype=dtype, device=device)
        self.layers = self.stored.unbind()
        self.scratch = context_size
        self.slots = slots

    @property
    def bytes(self) -> int:
        """Memory taken."""
        taken: int = self.stored.nbytes
        return taken

    def copy(self, source: int, target: int, tokens: int) -> None:
        """Let ``target`` begin with what ``source`` begins with."""
        self.stored[:, target, :tokens] = self.stored[:, source, :tokens]

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers went bad: even masked, a NaN spreads."""
        self.stored[:, slot].zero_()
