"""Whether a failed attempt is tried again, and when: a pure decision."""

from dataclasses import dataclass

from worker.engines.base import EngineBusy, EngineError, ModelUnavailable, RequestRefused

#: The first retry waits this long; each further one four times as long.
BASE_SECONDS = 1.0
#: No retry waits longer.
MAX_SECONDS = 60.0
#: A wait varies by this part of itself, so that failures do not return in step.
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again after so many ms; ``counts`` is what it adds to the job's failures."""

    delay_ms: int
    counts: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job has failed."""


def decide(
    error: Exception, failures: int, max_attempts: int, chance: float
) -> RetryAfter | GiveUp:
    """Decide about an attempt that ended with ``error`` after ``failures`` earlier ones.

    ``chance`` in 0..1 spreads the waits. A model that is gone or busy is the worker's
    trouble, not the job's: it costs no failure. What is refused once is refused for ever.
    """
    if isinstance(error, RequestRefused):
        return GiveUp()
    if isinstance(error, EngineBusy):
        return RetryAfter(_spread(error.retry_after_seconds, chance), counts=0)
    if isinstance(error, ModelUnavailable):
        return RetryAfter(_delay_ms(0, chance), counts=0)
    if not isinstance(error, EngineError) or failures + 1 >= max_attempts:
        return GiveUp()
    return RetryAfter(_delay_ms(failures, chance), counts=1)


def _delay_ms(failures: int, chance: float) -> int:
    return _spread(BASE_SECONDS * 4.0**failures, chance)


def _spread(seconds: float, chance: float) -> int:
    """In ms, at most MAX_SECONDS, with jitter."""
    return round(min(MAX_SECONDS, seconds) * (1 + JITTER * (2 * chance - 1)) * 1000)
