"""What happens when a step needs more memory than the device has."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from worker.engines.base import EngineOutOfMemory

P = ParamSpec("P")
T = TypeVar("T")


def within_memory(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a step; where memory ends, free what it took. Raises EngineOutOfMemory."""
    try:
        return step(*args, **kwargs)
    except torch.OutOfMemoryError as error:
        message = str(error)
    # Only now, without the error, do the step's tensors go: its traceback held them.
    torch.cuda.empty_cache()
    raise EngineOutOfMemory(message)
