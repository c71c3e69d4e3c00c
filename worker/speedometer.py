"""How fast a worker makes tokens right now."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock


class Speedometer:
    """Tokens per second over the last ten seconds. Thread-safe."""

    WINDOW_SECONDS = 10.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: deque[tuple[float, int]] = deque()
        self._lock = Lock()

    def add(self, count: int) -> None:
        """Count tokens."""
        with self._lock:
            self._counts.append((self._clock(), count))
            self._forget()

    def per_second(self) -> float:
        """The mean speed over the window."""
        with self._lock:
            self._forget()
            return sum(count for _, count in self._counts) / self.WINDOW_SECONDS

    def _forget(self) -> None:
        oldest = self._clock() - self.WINDOW_SECONDS
        while self._counts and self._counts[0][0] < oldest:
            self._counts.popleft()
