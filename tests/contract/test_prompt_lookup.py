"""Drafts change no answer: every engine beside itself without them."""

from collections.abc import Iterator
from typing import Any

import pytest

from common.sampling import ResponseFormat
from tests.support.engines import (
    CONTEXT_SIZE,
    MODELS,
    QUESTIONS,
    SLOTS,
    Bench,
    Call,
    cancel_at_three,
    open_bench,
)
from worker.engines.slots.engine import SlotEngine
from worker.engines.slots.speculation import Speculation

#: The small model repeats what it is asked to repeat.
REPEAT = (
    "Repeat this line three times: The price of oil rose by 3.2% on Monday, and the price of gas "
    "fell by 1.7% on Tuesday."
)
DRAFT = 3

pytestmark = pytest.mark.model


@pytest.fixture(scope="module", params=MODELS)
def plain(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """An engine that drafts nothing."""
    bench = open_bench(request.param, prompt_lookup_tokens=0)
    yield bench
    bench.engine.close()


@pytest.fixture(scope="module")
def drafting(plain: Bench) -> Iterator[Bench]:
    """The same, as if drafts cost nothing: so it drafts wherever ids repeat."""
    bench = open_bench(plain.name, prompt_lookup_tokens=DRAFT)
    assume_cost(bench, 1.0)
    yield bench
    bench.engine.close()


def assume_cost(bench: Bench, step: float) -> None:
    """As if a step took ``step`` times as long with a draft as without."""
    assert isinstance(bench.engine, SlotEngine)
    assert bench.engine._loop is not None
    seconds = [[1.0] + [step] * DRAFT] * SLOTS
    bench.engine._loop._speculation = Speculation(seconds, CONTEXT_SIZE)


def together(bench: Bench, **knobs: Any) -> list[Call]:
    """One that repeats and two others, at the same time."""
    questions = (REPEAT, *QUESTIONS[: SLOTS - 1])
    calls = [bench.call(bench.request(question, **knobs)) for question in questions]
    assert all(call.completion().new_tokens for call in calls)
    return calls


@pytest.mark.parametrize(
    "knobs",
    [
        {"max_tokens": 48},
        {"max_tokens": 24, "temperature": 0.6, "seed": 7},
        {"max_tokens": 24, "temperature": 0.9, "top_p": 0.8, "top_k": 40, "seed": 11},
        {"max_tokens": 48, "stop": ("Monday, and",)},
        {"max_tokens": 33, "logprobs": 3},
    ],
)
def test_answers_are_the_same_with_and_without_drafts(
    plain: Bench, drafting: Bench, knobs: dict[str, Any]
) -> None:
    for expected, call in zip(together(plain, **knobs), together(drafting, **knobs), strict=True):
        completion = call.completion()
        assert call.ids == expected.ids == list(completion.token_ids)
        assert call.text == expected.text == completion.text
        assert completion.finish_reason is expected.completion().finish_reason
        assert [token.logprob for token in call.tokens] == pytest.approx(
            [token.logprob for token in expected.tokens], abs=0.05
        )
        shown = [len(token.logprobs.top) if token.logprobs else 0 for token in call.tokens]
        assert set(shown) == {knobs.get("logprobs", 0)}


def test_a_text_that_repeats_takes_fewer_steps(drafting: Bench) -> None:
    steps: list[int] = []
    call = drafting.call(
        drafting.request(REPEAT, max_tokens=80), lambda call: steps.append(len(call.tokens))
    )
    completion = call.completion()
    assert completion.accepted_tokens > 0
    assert len(steps) == completion.new_tokens - completion.accepted_tokens


def test_a_generation_goes_on_where_any_step_left_it(plain: Bench, drafting: Bench) -> None:
    whole = plain.ask(REPEAT, max_tokens=60)
    for made in (1, 20, 43):
        rest = drafting.ask(REPEAT, resume=whole.ids[:made], max_tokens=60)
        assert [*whole.ids[:made], *rest.ids] == whole.ids


def test_a_cancel_stops_an_answer_within_a_step(drafting: Bench) -> None:
    call = drafting.call(drafting.request(REPEAT, max_tokens=80), cancel_at_three)
    completion = call.completion()
    assert 3 <= completion.new_tokens <= 3 + DRAFT
    assert list(completion.token_ids) == call.ids


def test_an_answer_in_a_format_is_not_drafted_beside_one_that_is(
    plain: Bench, drafting: Bench
) -> None:
    # given one under a grammar, while its neighbours draft
    wanted = ResponseFormat('{"type": "object", "properties": {"rsi": {"type": "integer"}}}')
    answers = []
    for bench in (plain, drafting):
        neighbour = bench.call(bench.request(REPEAT, max_tokens=80))
        call = bench.ask(QUESTIONS[0], max_tokens=40, response_format=wanted)
        answers.append((call.ids, neighbour.completion().token_ids))
        assert call.completion().accepted_tokens == 0
    assert answers[0] == answers[1]


def test_where_drafts_cost_more_than_they_gain_none_is_made(plain: Bench) -> None:
    bench = open_bench(plain.name, prompt_lookup_tokens=DRAFT)
    assume_cost(bench, DRAFT + 1.5)
    completions = [call.completion() for call in together(bench, max_tokens=40)]
    assert [one.drafted_tokens for one in completions] == [0] * SLOTS
    bench.engine.close()
