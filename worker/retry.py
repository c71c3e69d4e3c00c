"""Whether a failed attempt is tried again, and when: a pure decision."""

from dataclasses import dataclass

from worker.engines.base import EngineError, ModelUnavailable

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

    ``chance`` in 0..1 spreads the waits. A model that is gone is the worker's trouble, not
    the job's: it costs no failure.
    """
    if isinstance(error, ModelUnavailable):
        return RetryAfter(_delay_ms(0, chance), counts=0)
    if not isinstance(error, EngineError) or failures + 1 >= max_attempts:
        return GiveUp()
    return RetryAfter(_delay_ms(failures, chance), counts=1)


def _delay_ms(failures: int, chance: float) -> int:
    seconds = min(MAX_SECONDS, BASE_SECONDS * 4.0**failures)
    return round(seconds * (1 + JITTER * (2 * chance - 1)) * 1000)
