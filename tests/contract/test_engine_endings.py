"""How a generation ends before its time, in every engine, and how another goes on with it."""

import time
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from common.sampling import FinishReason
from tests.support.engines import (
    CONTEXT_SIZE,
    MAX_TOKENS,
    QUESTION,
    SLOTS,
    TIMEOUT_SECONDS,
    Bench,
    Call,
    cancel_at_three,
    with_a_model,
)
from worker.engines.base import EngineError
from worker.engines.settings import EngineSettings

# Cancel and deadline


def test_cancel_ends_a_generation_within_one_step(bench: Bench) -> None:
    # given a generation that is cancelled with its third token
    call = bench.call(bench.endless(), cancel_at_three)
    # when it ends
    completion = call.completion()
    # then at most one more token came, with what was drafted beside it and the third
    assert completion.finish_reason is FinishReason.CANCELLED
    most = 4 + 2 * EngineSettings().prompt_lookup_tokens
    assert 3 <= completion.new_tokens == len(call.tokens) <= most
    assert completion.text == call.text


def test_a_request_cancelled_before_it_starts_makes_nothing(bench: Bench) -> None:
    cancelled = Event()
    cancelled.set()
    completion = bench.engine.generate(bench.request(QUESTION), lambda _: None, cancelled)
    assert completion.finish_reason is FinishReason.CANCELLED
    assert (completion.new_tokens, completion.time_to_first_token_seconds) == (0, None)


def test_a_deadline_ends_a_generation_with_what_it_has(bench: Bench) -> None:
    deadline = time.monotonic() + 0.3
    call = bench.call(replace(bench.endless(), deadline=deadline))
    completion = call.completion()
    assert completion.finish_reason is FinishReason.TIMEOUT
    assert completion.text == call.text
    assert time.monotonic() >= deadline


def test_a_deadline_in_the_past_makes_nothing(bench: Bench) -> None:
    late = replace(bench.request(QUESTION), deadline=time.monotonic() - 1)
    completion = bench.call(late).completion()
    assert (completion.finish_reason, completion.new_tokens) == (FinishReason.TIMEOUT, 0)


@with_a_model
def test_cancel_reaches_a_prompt_that_is_still_being_read(bench: Bench) -> None:
    # given a neighbour that decodes, and a prompt of several pieces
    newcomer: list[Call] = []
    request = bench.endless(CONTEXT_SIZE - 20)

    def bring_and_cancel(call: Call) -> None:
        if not newcomer and len(call.tokens) >= 2:
            newcomer.append(bench.call(request))
        if newcomer and bench.engine.busy_slots() == 2:
            newcomer[0].cancelled.set()

    # when the newcomer is cancelled as soon as it has a slot
    neighbour = bench.call(bench.request(QUESTION, max_tokens=32), bring_and_cancel)
    neighbour.completion()
    # then it ends without a token
    completion = newcomer[0].completion()
    assert (completion.finish_reason, completion.new_tokens) == (FinishReason.CANCELLED, 0)


# Resume


@pytest.mark.parametrize("knobs", [{}, {"temperature": 0.9, "seed": 11}], ids=["greedy", "seeded"])
def test_a_resumed_generation_goes_on_where_it_stopped(bench: Bench, knobs: dict[str, Any]) -> None:
    whole = bench.ask(QUESTION, **knobs)
    for k in (1, MAX_TOKENS - 1):
        # when an attempt begins with the first k tokens of another
        resumed = bench.ask(QUESTION, resume=whole.ids[:k], **knobs)
        completion = resumed.completion()
        # then it makes the others, and only these are reported and counted
        assert resumed.ids == whole.ids[k:]
        assert completion.token_ids == tuple(whole.ids)
        assert completion.text == whole.text
        assert whole.text.endswith(resumed.text)
        assert completion.new_tokens == MAX_TOKENS - k
        assert completion.logprob_sum == pytest.approx(
            sum(token.logprob or 0.0 for token in resumed.tokens)
        )


def test_resuming_what_had_ended_makes_nothing(bench: Bench) -> None:
    ids = bench.ask(QUESTION).ids
    text = bench.tokenizer.decode(ids)
    ends = {
        "max_tokens": (ids, {}, FinishReason.LENGTH),
        "end token": ([*ids[:4], min(bench.tokenizer.eos_token_ids)], {}, FinishReason.STOP),
        "stop string": (ids[:-1], {"stop": (text[5:9],)}, FinishReason.STOP),
    }
    if bench.name == "openai":  # an upstream finds it too, and makes no ids after it
        del ends["stop string"]
    for how, (generated, knobs, reason) in ends.items():
        call = bench.ask(QUESTION, resume=generated, **knobs)
        assert call.tokens == [], how
        assert call.completion().new_tokens == 0, how
        assert call.completion().finish_reason is reason, how


# Close


def test_close_ends_everybody_running_or_waiting_with_an_error(own_bench: Bench) -> None:
    # given all slots busy, and one caller waiting
    calls = [own_bench.call(own_bench.endless()) for _ in range(SLOTS)]
    assert all(call.began.wait(TIMEOUT_SECONDS) for call in calls)
    calls.append(own_bench.call(own_bench.request(QUESTION)))
    # when the engine is closed
    own_bench.engine.close()
    # then each of them gets an error, and so does whoever comes later
    calls.append(own_bench.call(own_bench.request(QUESTION)))
    for call in calls:
        with pytest.raises(EngineError):
            call.completion()
    assert own_bench.engine.busy_slots() == 0
    own_bench.engine.close()
