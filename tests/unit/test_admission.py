"""Who is let in, and when to come back."""

import pytest

from api.admission import Pace, Window, class_limit, rate_headers, seconds_until_room
from common.queues import Priority

LIMITS_OF_100 = {"urgent": 100, "high": 95, "normal": 80, "low": 60}


@pytest.mark.parametrize("priority", list(Priority))
def test_each_class_may_fill_its_share(priority: Priority) -> None:
    assert class_limit(100, priority) == LIMITS_OF_100[priority.value]


@pytest.mark.parametrize("priority", list(Priority))
def test_a_tiny_queue_lets_everybody_in_when_it_is_empty(priority: Priority) -> None:
    assert class_limit(1, priority) == 1


def test_shares_do_not_fall_to_rounding() -> None:
    # 0.95 of these is a whole number that floats miss
    assert [class_limit(size, Priority.HIGH) for size in (20, 60, 180)] == [19, 57, 171]


@pytest.mark.parametrize(
    ("waiting", "limit", "pace", "seconds"),
    [
        (80, 80, Pace(), 5),  # nobody knows
        (80, 80, Pace(mean_ms=9000, slots=0), 5),  # nobody works
        (80, 80, Pace(mean_ms=9000, slots=3), 3),  # one must start
        (90, 80, Pace(mean_ms=9000, slots=3), 33),  # eleven must
        (80, 80, Pace(mean_ms=10, slots=3), 1),
        (100, 60, Pace(mean_ms=60_000, slots=1), 60),  # what clients will wait at most
    ],
)
def test_a_full_queue_says_when_there_will_be_room(
    waiting: int, limit: int, pace: Pace, seconds: int
) -> None:
    assert seconds_until_room(waiting, limit, pace) == seconds


def test_the_rate_headers_are_the_drafts() -> None:
    assert rate_headers(Window("permin", 100, 12, 29_001)) == {
        "RateLimit-Policy": '"permin";q=100;w=60',
        "RateLimit": '"permin";r=12;t=30',
    }
