"""One call of generate under way: when it is over, and what it sums up to."""

from threading import Event

import pytest

from common.sampling import FinishReason, Sampling
from common.tokenizer import ByteTokenizer
from worker.engines.base import EngineError, Generation
from worker.engines.progress import Progress


class Clock:
    """Stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def progress(
    clock: Clock,
    sampling: Sampling,
    *,
    generated: bytes = b"",
    deadline: float | None = None,
    cancelled: Event | None = None,
    context_size: int = 100,
) -> Progress:
    request = Generation(list(b"prompt"), sampling, list(generated), deadline)
    return Progress(request, ByteTokenizer(), context_size, cancelled or Event(), clock)


def test_it_goes_on_until_max_tokens(clock: Clock) -> None:
    run = progress(clock, Sampling(max_tokens=2))
    assert run.finish_reason() is None
    run.push(ord("a"), -1.0)
    assert run.finish_reason() is None
    run.push(ord("b"), -0.5)
    assert run.finish_reason() is FinishReason.LENGTH


def test_the_context_may_end_before_max_tokens(clock: Clock) -> None:
    run = progress(clock, Sampling(max_tokens=50), context_size=7)
    run.push(ord("a"), -1.0)
    assert run.finish_reason() is FinishReason.LENGTH
    with pytest.raises(EngineError, match="6 tokens leaves no room in a context of 6"):
        progress(clock, Sampling(), context_size=6)


def test_cancel_and_deadline_end_it(clock: Clock) -> None:
    cancelled = Event()
    run = progress(clock, Sampling(), deadline=101.0, cancelled=cancelled)
    assert run.finish_reason() is None
    clock.now = 101.0
    assert run.finish_reason() is FinishReason.TIMEOUT
    cancelled.set()
    assert run.finish_reason() is FinishReason.CANCELLED


def test_an_answer_that_is_complete_is_not_cancelled(clock: Clock) -> None:
    cancelled = Event()
    run = progress(clock, Sampling(max_tokens=1), cancelled=cancelled)
    run.push(ord("a"), -1.0)
    cancelled.set()
    assert run.finish_reason() is FinishReason.LENGTH


def test_the_clock_counts_from_the_call_and_from_the_first_token(clock: Clock) -> None:
    run = progress(clock, Sampling(max_tokens=3))
    for now in (100.25, 101.0, 103.0):
        clock.now = now
        run.push(ord("a"), -0.5)
    completion = run.completion(FinishReason.LENGTH)
    assert completion.time_to_first_token_seconds == 0.25
    assert completion.decode_seconds == 2.75
    assert completion.logprob_sum == -1.5


def test_only_the_tokens_of_this_attempt_count(clock: Clock) -> None:
    run = progress(clock, Sampling(max_tokens=4), generated=b"abc")
    clock.now = 107.0
    run.push(ord("d"), -2.0)
    completion = run.completion(FinishReason.LENGTH)
    assert (completion.text, completion.token_ids) == ("abcd", tuple(b"abcd"))
    assert (completion.new_tokens, completion.logprob_sum) == (1, -2.0)
    assert completion.time_to_first_token_seconds == 7.0


def test_without_a_token_there_is_no_time_to_the_first(clock: Clock) -> None:
    completion = progress(clock, Sampling(max_tokens=3), generated=b"abc").completion(
        FinishReason.LENGTH
    )
    assert completion.time_to_first_token_seconds is None
    assert completion.decode_seconds == 0.0
