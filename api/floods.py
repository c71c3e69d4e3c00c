"""Remembers who was just refused by the rate limit, so that a flood costs next to nothing.

A sliding window that is full has its next place at a known moment. Until then a request of the
same user would be refused again: it is refused here, before its prompt is tokenized and
screened. Only for a moment, since an administrator may raise the limit at another gateway.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from api.verdicts import Verdict, raise_refusal

#: Seconds for which a refusal is remembered at most.
LONGEST_SECONDS = 0.25
#: Users remembered at most; beyond that all are forgotten, and asked about again.
MOST_USERS = 10_000


class Floods:
    """The rate limit's last refusals, by user."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: dict[str, tuple[Verdict, float]] = {}

    def check(self, user: str) -> None:
        """Raises RateLimited for who was refused a moment ago and would be again."""
        if user not in self._refused:
            return
        verdict, at = self._refused[user]
        elapsed = self._clock() - at
        if elapsed >= min(verdict.wait_ms / 1000, LONGEST_SECONDS):
            del self._refused[user]
            return
        left = max(1, verdict.wait_ms - int(elapsed * 1000))
        raise_refusal(replace(verdict, wait_ms=left))

    def note(self, user: str, verdict: Verdict) -> None:
        """Remember what the submit script said to ``user``, if it was this."""
        if verdict.word != "rate_limited":
            return
        if len(self._refused) >= MOST_USERS:
            self._refused.clear()
        self._refused[user] = (verdict, self._clock())

    def forget(self, user: str) -> None:
        """The user's limits have changed."""
        self._refused.pop(user, None)
