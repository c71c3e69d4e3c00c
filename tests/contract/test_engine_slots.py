"""Three slots, many callers: who shares a batch with whom, in every engine."""

import time
from threading import Event

import pytest

from common.sampling import FinishReason
from tests.support.engines import (
    MAX_TOKENS,
    QUESTION,
    QUESTIONS,
    SLOTS,
    TIMEOUT_SECONDS,
    Bench,
    Call,
    cancel_at_three,
    with_a_model,
)
from worker.engines.base import EngineError


def test_three_callers_run_at_the_same_time_and_all_complete(bench: Bench) -> None:
    busy: list[int] = []

    def watch(call: Call) -> None:
        del call
        busy.append(bench.engine.busy_slots())

    requests = [bench.request(question, max_tokens=24) for question in QUESTIONS[:SLOTS]]
    calls = [bench.call(request, watch) for request in requests]
    completions = [call.completion() for call in calls]
    assert max(busy) == SLOTS
    assert all(c.token_ids == tuple(call.ids) for c, call in zip(completions, calls, strict=True))
    assert bench.engine.busy_slots() == 0


def test_more_callers_than_slots_wait_their_turn_and_get_their_own_answers(bench: Bench) -> None:
    alone = [bench.ask(question, max_tokens=5).ids for question in QUESTIONS]
    calls = [bench.call(bench.request(question, max_tokens=5)) for question in QUESTIONS]
    assert [list(call.completion().token_ids) for call in calls] == alone


def test_a_caller_that_waits_for_a_slot_can_be_cancelled(bench: Bench) -> None:
    # given all slots busy until the one who waits is gone
    released = Event()

    def hold(call: Call) -> None:
        if released.is_set():
            call.cancelled.set()

    holders = [bench.call(bench.endless(), hold) for _ in range(SLOTS)]
    assert all(call.began.wait(TIMEOUT_SECONDS) for call in holders)
    # when a fourth is cancelled
    waiting = bench.call(bench.request(QUESTION))
    waiting.cancelled.set()
    completion = waiting.completion()
    released.set()
    # then it did not have to wait for a slot
    assert (completion.finish_reason, completion.new_tokens) == (FinishReason.CANCELLED, 0)
    reasons = {call.completion().finish_reason for call in holders}
    assert reasons == {FinishReason.CANCELLED}


def test_a_cancelled_neighbour_changes_no_answer(bench: Bench) -> None:
    alone = bench.ask(QUESTION).ids
    neighbour = bench.call(bench.request(QUESTIONS[0]), cancel_at_three)
    assert bench.ask(QUESTION).ids == alone
    assert neighbour.completion().finish_reason is FinishReason.CANCELLED


def test_an_idle_engine_has_just_stepped(bench: Bench) -> None:
    before = time.monotonic()
    assert before <= bench.engine.last_step() <= time.monotonic()


def test_a_busy_engine_tells_when_it_stepped(bench: Bench) -> None:
    steps: list[float] = []
    started = time.monotonic()
    bench.call(
        bench.request(QUESTION), lambda _: steps.append(bench.engine.last_step())
    ).completion()
    assert started <= steps[0]
    assert steps == sorted(steps)
    assert steps[-1] <= time.monotonic()


@with_a_model
def test_a_listener_that_fails_ends_its_own_call_only(bench: Bench) -> None:
    def fail(call: Call) -> None:
        raise ConnectionError(call.text)

    neighbour = bench.call(bench.request(QUESTIONS[0]))
    failing = bench.call(bench.request(QUESTION), fail)
    with pytest.raises(EngineError):
        failing.completion()
    assert neighbour.completion().new_tokens == MAX_TOKENS
    assert bench.ask(QUESTION).completion().new_tokens == MAX_TOKENS
