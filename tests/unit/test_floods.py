"""Who was refused a moment ago is refused again without asking, for as long as that is true."""

import pytest

from api.floods import LONGEST_SECONDS, MOST_USERS, Floods
from api.problems import RateLimited
from api.verdicts import Verdict


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def floods(clock: Clock) -> Floods:
    return Floods(clock)


def said(word: str = "rate_limited", wait_ms: int = 30_000) -> Verdict:
    return Verdict(word, "job_x", 0, wait_ms, 0, 0, 100)


def test_nobody_is_refused_who_was_not_refused_before(floods: Floods) -> None:
    for word in ("created", "replayed", "queue_full", "user_full", "tokens_spent"):
        floods.note("ada", said(word))

    floods.check("ada")
    floods.check("bob")


def test_the_wait_that_is_told_shrinks_as_time_passes(floods: Floods, clock: Clock) -> None:
    floods.note("ada", said(wait_ms=30_000))
    clock.now += 0.2

    with pytest.raises(RateLimited) as refused:
        floods.check("ada")

    headers = refused.value.headers or {}
    assert headers["retry-after-ms"] == "29800"
    assert headers["RateLimit"] == '"permin";r=0;t=30'
    floods.check("bob")


@pytest.mark.parametrize(("wait_ms", "until"), [(30_000, LONGEST_SECONDS), (100, 0.1)])
def test_it_is_asked_again_after_a_moment_and_never_too_late(
    floods: Floods, clock: Clock, wait_ms: int, until: float
) -> None:
    floods.note("ada", said(wait_ms=wait_ms))
    clock.now += until + 0.001

    floods.check("ada")
    clock.now -= until + 0.001
    floods.check("ada")  # forgotten for good


def test_a_changed_limit_counts_at_once(floods: Floods) -> None:
    floods.note("ada", said())
    floods.forget("ada")

    floods.check("ada")


def test_the_memory_is_bounded(floods: Floods) -> None:
    for number in range(MOST_USERS + 1):
        floods.note(f"user-{number}", said())

    floods.check("user-0")
    with pytest.raises(RateLimited):
        floods.check(f"user-{MOST_USERS}")
