"""A step of torch that runs out of memory."""

import weakref
from typing import Any

import pytest

from worker.engines.base import EngineOutOfMemory

pytestmark = pytest.mark.torch


def test_what_a_step_took_is_free_before_anybody_hears_that_memory_ended() -> None:
    import torch

    from worker.engines.transformers.memory import within_memory

    # Given a step that holds a tensor when memory ends
    held: list[Any] = []

    def step(size: int) -> None:
        tensor = torch.zeros(size)
        held.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    # When it fails
    with pytest.raises(EngineOutOfMemory, match="Tried to allocate") as caught:
        within_memory(step, 10)
    # Then nothing keeps the tensor: neither the error nor what caused it
    assert held[0]() is None
    assert caught.value.__context__ is None


def test_a_step_that_fits_gives_its_result() -> None:
    from worker.engines.transformers.memory import within_memory

    assert within_memory(max, 1, 2) == 2
