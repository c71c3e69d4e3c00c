"""What follows from an attempt: a pure function of how it went and how many went before."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.webhooks.egress import Answer, SendError

#: Answers that say: not now.
THROTTLED = frozenset({429, 502, 503, 504})
GONE = 410
#: However long a receiver wishes to be left alone, it is asked again after a day.
LONGEST_WISH_SECONDS = 86_400.0
#: A retry comes up to so much earlier or later, so that they do not come all at once.
JITTER = 0.2


class Outcome(StrEnum):
    """How an attempt ends, as ``hook_done`` takes it."""

    SUCCEEDED = "succeeded"
    RETRY = "retry"
    FAILED = "failed"  #: the last attempt has failed
    GONE = "gone"  #: the receiver wants no more, ever


@dataclass(frozen=True, slots=True)
class Decision:
    """``delay_seconds`` until the next attempt; ``pause_seconds`` for all of its lane."""

    outcome: Outcome
    why: str = ""
    delay_seconds: float = 0.0
    pause_seconds: float = 0.0


def decide(
    result: Answer | SendError, failures: int, schedule: Sequence[float], chance: float
) -> Decision:
    """Judge an attempt before which ``failures`` of the schedule's have failed.

    2xx is success and nothing else is; ``chance`` (0..1) moves the next attempt within JITTER.
    """
    if isinstance(result, Answer) and 200 <= result.status < 300:  # noqa: PLR2004
        return Decision(Outcome.SUCCEEDED)
    why = result.reason if isinstance(result, SendError) else f"It answered {result.status}."
    if isinstance(result, Answer) and result.status == GONE:
        return Decision(Outcome.GONE, "It answered 410: it wants no more.")
    wish = _wish(result)
    if failures + 1 >= len(schedule):
        why = f"{why} That was attempt {failures + 1}, the last."
        return Decision(Outcome.FAILED, why, pause_seconds=wish)
    delay = schedule[failures + 1] * (1 + JITTER * (2 * chance - 1))
    return Decision(Outcome.RETRY, why, max(delay, wish), wish)


def _wish(result: Answer | SendError) -> float:
    """For how many seconds the receiver asked to be left alone."""
    if isinstance(result, SendError) or result.status not in THROTTLED:
        return 0.0
    return min(result.retry_after_seconds or 0.0, LONGEST_WISH_SECONDS)
