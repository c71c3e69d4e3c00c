import pytest

from worker.engines.base import EngineBusy, EngineError, ModelUnavailable, RequestRefused
from worker.retry import GiveUp, RetryAfter, decide


@pytest.mark.parametrize(("failures", "delay_ms"), [(0, 1000), (1, 4000), (2, 16000), (9, 60000)])
def test_waits_grow_up_to_a_minute(failures: int, delay_ms: int) -> None:
    assert decide(EngineError(), failures, 100, 0.5) == RetryAfter(delay_ms, counts=1)


@pytest.mark.parametrize(("chance", "delay_ms"), [(0.0, 800), (1.0, 1200)])
def test_waits_vary_by_a_fifth(chance: float, delay_ms: int) -> None:
    assert decide(EngineError(), 0, 3, chance) == RetryAfter(delay_ms, counts=1)


def test_the_last_attempt_gives_up() -> None:
    assert decide(EngineError(), 2, 3, 0.5) == GiveUp()


def test_a_missing_model_costs_no_failure() -> None:
    assert decide(ModelUnavailable(), 2, 3, 0.5) == RetryAfter(1000, counts=0)


def test_what_is_refused_is_not_tried_again() -> None:
    assert decide(RequestRefused(), 0, 3, 0.5) == GiveUp()


@pytest.mark.parametrize(("seconds", "delay_ms"), [(0.0, 0), (7.0, 7000), (3600.0, 60_000)])
def test_a_busy_engine_is_asked_again_when_it_says_and_costs_no_failure(
    seconds: float, delay_ms: int
) -> None:
    assert decide(EngineBusy("busy", seconds), 2, 3, 0.5) == RetryAfter(delay_ms, counts=0)


def test_what_is_no_engine_error_is_not_tried_again() -> None:
    assert decide(ValueError(), 0, 3, 0.5) == GiveUp()
