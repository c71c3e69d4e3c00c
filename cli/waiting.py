"""Waiting for a condition."""

import time
from collections.abc import Callable


def wait(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Ask every 50 ms until it holds; False if it did not in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
