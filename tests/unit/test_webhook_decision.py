"""What follows from an attempt at a delivery."""

import pytest

from worker.webhooks.decision import Decision, Outcome, decide
from worker.webhooks.egress import Answer, SendError
from worker.webhooks.settings import SCHEDULE, WebhookSettings

STANDARD = WebhookSettings(webhook_retry_schedule=SCHEDULE).retry_schedule
MIDDLE = 0.5


def answer(status: int, retry_after: float | None = None) -> Answer:
    return Answer(status, 0.01, b"", retry_after)


def after(result: Answer | SendError, failures: int = 0) -> Decision:
    """The decision without jitter."""
    return decide(result, failures, STANDARD, MIDDLE)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(status: int) -> None:
    assert after(answer(status)) == Decision(Outcome.SUCCEEDED)


@pytest.mark.parametrize("status", [100, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_nothing_else_is_and_a_redirect_is_not_followed(status: int) -> None:
    decision = after(answer(status))

    assert decision.outcome is Outcome.RETRY
    assert str(status) in decision.why


def test_410_ends_it_at_once_and_for_the_endpoint() -> None:
    assert after(answer(410)).outcome is Outcome.GONE


def test_without_jitter_the_retries_follow_the_standard_schedule() -> None:
    delays = [after(SendError("dead"), failures).delay_seconds for failures in range(9)]

    assert delays == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def test_the_last_attempt_of_the_schedule_has_no_successor() -> None:
    decision = after(SendError("The name has no address."), failures=9)

    assert decision.outcome is Outcome.FAILED
    assert decision.why == "The name has no address. That was attempt 10, the last."


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 240.0), (0.5, 300.0), (1.0, 360.0)])
def test_a_retry_comes_up_to_a_fifth_earlier_or_later(chance: float, delay: float) -> None:
    assert decide(answer(500), 1, STANDARD, chance).delay_seconds == pytest.approx(delay)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_throttling_receiver_is_left_alone_for_as_long_as_it_asks(status: int) -> None:
    decision = after(answer(status, retry_after=60))

    assert (decision.delay_seconds, decision.pause_seconds) == (60, 60)


def test_a_wish_shorter_than_the_schedule_does_not_shorten_it() -> None:
    assert after(answer(503, retry_after=1), failures=1).delay_seconds == 300


def test_nobody_is_left_alone_for_more_than_a_day() -> None:
    assert after(answer(429, retry_after=1e9)).delay_seconds == 86_400


def test_retry_after_means_nothing_on_other_answers() -> None:
    assert after(answer(500, retry_after=60)).delay_seconds == 5


@pytest.mark.parametrize("text", ["", "5,,6", "five", "-1", "0,1e9", "nan", "inf"])
def test_a_schedule_that_is_none_is_refused_at_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)schedule"):
        WebhookSettings(webhook_retry_schedule=text)
