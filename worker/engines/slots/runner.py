"""What a slot engine needs of a model."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Ids
from typing import TYPE_CHECKING, Protocol

from worker.engines.slots.choice import Choice
from worker.engines.slots.sequence import Sequence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Runner(Protocol):
    """A model with a KV cache of one row per slot. For one thread."""

    def step(self, running: Mapping[int, Sequence]) -> dict[int, Choice]:
        """Move all on: what comes next in each slot whose prompt is cached.

        Of the prompts that are not, a piece is cached that does not make the others wait long.
        """

    def score(self, ids: Ids[int]) -> "Iterator[NDArray[np.float32]]":
        """The raw logits [piece, vocab] after each of ``ids``, a piece at a time, in slot 0."""

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers may be bad."""

    def close(self) -> None:
        """Free the model."""
