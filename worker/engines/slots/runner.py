"""What a slot engine needs of a model."""

from collections.abc import Mapping
from typing import Protocol

from worker.engines.slots.sequence import Sequence


class Runner(Protocol):
    """A model with a KV cache of one row per slot. For one thread."""

    def prefill(self, slot: int, sequence: Sequence) -> None:
        """Cache the next piece of a sequence, up to its last id but one."""

    def decode(self, sequences: Mapping[int, Sequence]) -> dict[int, tuple[int, float]]:
        """One forward pass for all: the next id of each slot and its raw log-probability."""

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers may be bad."""

    def close(self) -> None:
        """Free the model."""
