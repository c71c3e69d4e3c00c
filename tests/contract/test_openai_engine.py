"""What is special to the openai engine: an upstream that fails, in every way that it can."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from common.prompt import Message, Prompt, Role
from common.sampling import FinishReason, ResponseFormat, Sampling
from tests.support.engines import Call
from tests.support.fake_upstream import (
    Exchange,
    FakeUpstream,
    Manner,
    broken_after,
    refused,
    serving,
    silent_after,
    whole,
)
from worker.engines.base import (
    EngineBusy,
    EngineError,
    Generation,
    ModelUnavailable,
    RequestRefused,
)
from worker.engines.openai.answer import fingerprint
from worker.engines.openai.engine import OpenAIEngine
from worker.engines.settings import EngineSettings, UpstreamSettings

WORDS = ("A", " caravan", " of", " llamas")


@contextmanager
def asking(
    *manners: Manner, url: str | None = None, model: str = "", silence_seconds: float = 20
) -> Iterator[tuple[OpenAIEngine, FakeUpstream]]:
    """A loaded engine, and the upstream that it asks."""
    with serving(*manners) as upstream:
        settings = UpstreamSettings(
            url or upstream.url,
            api_key="sk-secret",
            model=model,
            connect_seconds=1,
            silence_seconds=silence_seconds,
        )
        engine = OpenAIEngine(EngineSettings(slots=2, upstream=settings), counted=False)
        try:
            engine.load()
            yield engine, upstream
        finally:
            engine.close()


def request(
    *known: int, max_tokens: int = 20, deadline: float | None = None, **knobs: Any
) -> Generation:
    """A conversation of one turn; ``known`` were made before."""
    sampling = Sampling(max_tokens, 0.0, **knobs)
    prompt = Prompt(messages=(Message(Role.USER, "What is it?"),))
    return Generation((), sampling, known, deadline, prompt)


def ids(*words: str) -> list[int]:
    return [fingerprint(word) for word in words]


# What it asks, and what it counts


def test_the_request_says_what_the_job_says() -> None:
    with asking(whole(*WORDS)) as (engine, upstream):
        wanted = ResponseFormat('{"type":"object"}', "it")
        sent = request(*(), top_k=4, stop=("\n",), seed=7, logprobs=2, response_format=wanted)
        Call(engine, sent).completion()
    asked = upstream.asked[-1]
    assert asked["model"] == "fake"
    assert asked["messages"] == [{"role": "user", "content": "What is it?"}]
    assert (asked["max_tokens"], asked["temperature"], asked["seed"]) == (20, 0.0, 7)
    assert (asked["top_k"], asked["stop"], asked["top_logprobs"]) == (4, ["\n"], 2)
    assert asked["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert upstream.keys[-1] == "Bearer sk-secret"


def test_the_upstreams_own_count_wins() -> None:
    usage: dict[str, Any] = {
        "prompt_tokens": 31,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 16},
    }
    with asking(whole(*WORDS, **usage)) as (engine, _):
        call = Call(engine, request())
        completion = call.completion()
    assert completion.text == call.text == "A caravan of llamas"
    assert (completion.prompt_tokens, completion.cached_tokens) == (31, 16)
    assert completion.new_tokens == len(call.tokens) == 9


def test_a_text_that_could_become_a_stop_string_is_not_lost_at_the_end() -> None:
    with asking(whole("A", "\nUs")) as (engine, _):
        call = Call(engine, request(stop=("\nUser:",)))
        assert call.completion().text == call.text == "A\nUs"


def test_an_upstream_that_knows_no_stop_strings_is_stopped() -> None:
    with asking(whole(*WORDS, *WORDS)) as (engine, _):
        completion = Call(engine, request(stop=("an of",))).completion()
    assert (completion.text, completion.finish_reason) == ("A carav", FinishReason.STOP)


def test_events_may_come_in_pieces_with_any_line_ends_and_separators_in_their_text() -> None:
    def manner(exchange: Exchange) -> None:
        exchange.begin()
        said = {"choices": [{"delta": {"content": "A\u2028 B"}, "finish_reason": "stop"}]}
        event = f": hello\r\n\r\ndata:{json.dumps(said, ensure_ascii=False)}\r\n\r\n"
        for byte in f"{event}data: [DONE]\r\n\r\n".encode():
            exchange.wfile.write(bytes([byte]))
            exchange.wfile.flush()

    with asking(manner) as (engine, _):
        assert Call(engine, request()).completion().text == "A\u2028 B"


def test_confidence_is_unknown_where_the_upstream_tells_no_probabilities() -> None:
    def manner(exchange: Exchange) -> None:
        exchange.begin()
        exchange.event(choices=[{"index": 0, "delta": {"content": "A"}}])
        exchange.end()

    with asking(manner) as (engine, _):
        call = Call(engine, request())
        call.completion()
    assert {token.logprob for token in call.tokens} == {None}


# Resume


def test_a_broken_stream_is_taken_up_without_gap_or_repetition() -> None:
    # given an upstream that breaks off in the middle of an answer, and gives it whole later
    with asking(broken_after(*WORDS[:2]), whole(*WORDS)) as (engine, _):
        first = Call(engine, request())
        with pytest.raises(EngineError, match="broke off|failed"):
            first.completion()
        # when another attempt goes on with what came
        second = Call(engine, request(*first.ids))
        completion = second.completion()
    # then only the rest is told, and everything is counted once
    assert first.text + second.text == "A caravan of llamas" == completion.text
    assert completion.token_ids[:2] == tuple(first.ids)
    assert completion.new_tokens == len(second.tokens)


def test_another_answer_is_an_error_and_not_a_mixture() -> None:
    with asking(whole("A", " queue", " of", " llamas")) as (engine, _):
        call = Call(engine, request(*ids(*WORDS[:3])))
        with pytest.raises(RequestRefused, match="token 2 of 3"):
            call.completion()
    assert call.tokens == []


# Faults


def test_too_many_requests_are_sent_again_when_the_upstream_says() -> None:
    with asking(refused(429, "slow down", Retry_After="7")) as (engine, _):
        with pytest.raises(EngineBusy, match="slow down") as raised:
            Call(engine, request()).completion()
        assert raised.value.retry_after_seconds == 7
        assert engine.warmup() == 0


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_what_the_upstream_refuses_is_the_requests_fault(status: int) -> None:
    said = pytest.raises(RequestRefused, match=f"{status}: bad prompt")
    with asking(refused(status, "bad prompt")) as (engine, _), said:
        Call(engine, request()).completion()


@pytest.mark.parametrize("status", [500, 502, 503, 301])
def test_what_fails_in_the_upstream_may_be_tried_again(status: int) -> None:
    with asking(refused(status)) as (engine, _):
        with pytest.raises(EngineError, match=str(status)) as raised:
            Call(engine, request()).completion()
        assert type(raised.value) is EngineError


def test_a_wrong_key_makes_the_model_unavailable_and_is_not_repeated_to_anyone() -> None:
    with asking(refused(401, "wrong key")) as (engine, _):
        with pytest.raises(ModelUnavailable, match="UPSTREAM_API_KEY") as raised:
            Call(engine, request()).completion()
        assert "sk-secret" not in f"{raised.value}{engine.info()}{engine._settings}"


def test_an_error_in_the_middle_of_a_stream_is_one() -> None:
    def manner(exchange: Exchange) -> None:
        exchange.begin()
        exchange.say("A")
        exchange.event(error={"message": "out of memory"})

    with asking(manner) as (engine, _), pytest.raises(EngineError, match="out of memory"):
        Call(engine, request()).completion()


def test_a_silent_upstream_is_given_up() -> None:
    release = Event()
    with asking(silent_after("A", until=release), silence_seconds=0.3) as (engine, _):
        with pytest.raises(EngineError, match="ReadTimeout"):
            Call(engine, request()).completion()
        release.set()


def test_cancel_reaches_an_upstream_that_says_nothing() -> None:
    release = Event()
    with asking(silent_after("A", until=release)) as (engine, _):
        call = Call(engine, request())
        assert call.began.wait(60)
        call.cancelled.set()
        assert call.completion().finish_reason is FinishReason.CANCELLED
        release.set()


def test_cancel_closes_the_stream() -> None:
    # given an upstream that talks for as long as somebody listens
    def talk(exchange: Exchange) -> None:
        exchange.begin()
        while True:
            exchange.say("on and on ")

    with asking(talk) as (engine, upstream):
        call = Call(engine, request(max_tokens=10**6))
        assert call.began.wait(60)
        # when nobody does any more
        call.cancelled.set()
        call.completion()
        # then it notices
        assert upstream.left.wait(60)
        assert engine.busy_slots() == 0


def test_at_most_as_many_requests_as_slots_are_under_way() -> None:
    release = Event()
    with asking(silent_after("A", until=release)) as (engine, upstream):
        calls = [Call(engine, request()) for _ in range(2)]
        assert all(call.began.wait(60) for call in calls)
        calls.append(Call(engine, request()))
        assert len(upstream.asked) == engine.busy_slots() == 2
        for call in calls:
            call.cancelled.set()
            call.completion()
        release.set()


# Loading


def test_nobody_there_is_said_plainly() -> None:
    nobody = asking(whole(), url="http://127.0.0.1:9/v1")
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:9"), nobody:
        pass


def test_an_address_that_is_none_is_said_plainly() -> None:
    nowhere = asking(whole(), url="http://[::1/v1")
    with pytest.raises(ModelUnavailable, match="UPSTREAM_URL is no address"), nowhere:
        pass


def test_a_model_that_the_upstream_does_not_have_is_refused_with_those_that_it_has() -> None:
    other = asking(whole(), model="other")
    with pytest.raises(ModelUnavailable, match="'other'; it has fake"), other:
        pass


def test_the_upstreams_context_is_the_engines() -> None:
    with asking(whole()) as (engine, _):
        assert (engine.info().context_size, engine.info().model_name) == (512, "fake")
