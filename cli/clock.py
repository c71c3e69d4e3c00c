"""When tokens came, and what a finished job took."""

import time
from datetime import datetime
from typing import Any


class TokenClock:
    """When tokens came, in seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._first_tokens = 0
        self.tokens = 0
        self.first_seconds = self._last_seconds = 0.0

    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def count(self, tokens: int) -> None:
        """These tokens have come now."""
        self._last_seconds = self.elapsed()
        if not self.tokens:
            self.first_seconds, self._first_tokens = self._last_seconds, tokens
        self.tokens += tokens

    @property
    def per_second(self) -> float:
        """The speed after the first piece; 0 if there was but one."""
        seconds = self._last_seconds - self.first_seconds
        return (self.tokens - self._first_tokens) / seconds if seconds else 0.0

    def timings(self, job: dict[str, Any], total_seconds: float) -> str:
        """One line of a completed job: queue, first token, speed, total."""
        tokens = job["usage"]["completion_tokens"]
        waited = milliseconds(job, "created_at", "started_at")
        parts = [
            f"{waited} ms in the queue",
            f"first token after {self.first_seconds:.2f} s",
            f"{tokens} tokens in {total_seconds:.2f} s",
        ]
        if self.per_second:
            parts.insert(2, f"{self.per_second:.0f} tokens/s")
        return " · ".join(parts)


def milliseconds(job: dict[str, Any], start: str, end: str) -> int:
    """Between two moments of a job."""
    elapsed = datetime.fromisoformat(job[end]) - datetime.fromisoformat(job[start])
    return round(elapsed.total_seconds() * 1000)
