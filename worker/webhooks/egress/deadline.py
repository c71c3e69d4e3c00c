"""One budget of time for a whole request, however it is spent."""

import time

from worker.webhooks.egress.errors import TimedOut


class Deadline:
    """Counts down from its making."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, above 0. Raises TimedOut."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> TimedOut:
        """The error to raise where somebody else noticed."""
        return TimedOut(f"No complete answer came within {self._seconds:g} seconds.")
