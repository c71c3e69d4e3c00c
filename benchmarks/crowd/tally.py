"""What clients heard, held against what there was to hear."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Heard:
    """What one client heard of one job; times are of the monotonic clock.

    ``tokens`` and ``doubled`` count tokens, ``times`` has (tokens known by then, when).
    """

    job_id: str
    events: int = 0
    tokens: int = 0
    doubled: int = 0
    gaps: int = 0
    text: str = ""
    times: list[tuple[int, float]] = field(default_factory=list)
    job: Mapping[str, Any] | None = None
    ended_at: float = 0.0
    ended: bool = False
    trouble: str = ""

    def token(self, offset: int, tokens: int, text: str, now: float) -> None:
        """An event whose id is ``offset``: so many tokens are known after it."""
        before = offset - tokens
        self.doubled += max(0, self.tokens - before)
        self.gaps += max(0, before - self.tokens)
        self.tokens = offset
        self.text += text
        self.times.append((offset, now))

    def end(self, job: Mapping[str, Any], now: float) -> None:
        """The job in its last state."""
        self.job, self.ended_at = job, now

    @property
    def completed(self) -> bool:
        """Whether the job is known to have completed."""
        return self.job is not None and self.job["status"] == "completed"

    @property
    def lost(self) -> int:
        """Tokens that never came, of a stream."""
        made = self.job["usage"]["completion_tokens"] if self.job else 0
        return self.gaps + max(0, made - self.tokens)

    @property
    def garbled(self) -> bool:
        """Whether a stream told another text than the record has."""
        return self.job is None or self.text != self.job["result"]["text"]


@dataclass(frozen=True, slots=True)
class Tally:
    """All streams and long polls together."""

    expected: int
    received: int
    lost: int
    doubled: int
    garbled: int
    unanswered: int

    @property
    def whole(self) -> bool:
        """Whether nobody missed anything, and nobody heard anything twice."""
        return self.received == self.expected and not (
            self.lost or self.doubled or self.garbled or self.unanswered
        )


def tally(streams: Sequence[Heard], polls: Sequence[Heard], tokens: int) -> Tally:
    """``tokens`` is what each job makes; a poll expects one answer."""
    return Tally(
        expected=tokens * len(streams) + len(polls),
        received=sum(one.tokens - one.gaps for one in streams) + sum(p.completed for p in polls),
        lost=sum(one.lost for one in streams),
        doubled=sum(one.doubled for one in streams),
        garbled=sum(one.garbled for one in streams),
        unanswered=sum(not one.completed for one in [*streams, *polls]),
    )


def delays(heard: Iterable[Heard], published: Mapping[str, Mapping[int, float]]) -> list[float]:
    """Seconds from a chunk's publication to each reader's receipt, sorted."""
    return sorted(
        now - at
        for one in heard
        for offset, now in one.times
        if (at := published.get(one.job_id, {}).get(offset)) is not None
    )


def ends(heard: Iterable[Heard], ended: Mapping[str, float]) -> list[float]:
    """Seconds from the publication of an end to each client's receipt, sorted."""
    return sorted(one.ended_at - ended[one.job_id] for one in heard if one.job_id in ended)
