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

    def step(self, running: Mapping[int, Sequence]) -> dict[int, list[Choice]]:
        """Move all on: what comes next in each slot whose prompt is cached.

        That is one id, and those that it shares with the sequence's draft. Of the prompts that
        are not cached, a piece is that does not make the others wait long.
        """

    def rehearse(self, rows: int, draft: int) -> None:
        """A step of the first rows with a draft of so many ids in each, to be timed.

        Before any sequence; nothing of it stays.
        """

    def score(self, ids: Ids[int]) -> "Iterator[NDArray[np.float32]]":
        """The raw logits [piece, vocab] after each of ``ids``, a piece at a time, in slot 0."""

    def clear(self, slot: int) -> None:
        """Forget a row whose numbers may be bad."""

    def close(self) -> None:
        """Free the model."""
