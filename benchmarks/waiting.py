"""Waiting for a condition, never for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout_seconds: float = 60.0, what: str = "the condition"
) -> T:
    """Return the condition's first true value; it is asked every 20 ms.

    The time is patience with a busy machine, and no promise of anybody's.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not hold within {timeout_seconds} s")
        time.sleep(0.02)
