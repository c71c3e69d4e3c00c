"""OWASP API10:2023, unsafe consumption of APIs: what others answer is data from strangers.

What is done about upstreams that fail: tests/contract/test_openai_engine.py; answers of webhook
receivers, which are cut, not followed and not believed: tests/integration/test_egress.py.
"""

import json
import math
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.prompt import Message, Prompt, Role
from common.sampling import Sampling
from tests.support.fake_upstream import Exchange, serving
from worker.engines.base import EngineError, Generation
from worker.engines.openai.answer import Answer
from worker.engines.openai.engine import OpenAIEngine
from worker.engines.openai.wire import Delta, Piece, Usage, parse_delta
from worker.engines.settings import EngineSettings, UpstreamSettings

#: Any JSON, with the names that are looked at more often than others.
names = st.sampled_from(
    [
        *("choices", "delta", "content", "text", "logprobs", "tokens", "token_logprobs"),
        *("top_logprobs", "usage", "prompt_tokens", "completion_tokens", "finish_reason"),
        *("prompt_tokens_details", "bytes", "token", "logprob", "x"),
    ]
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=500)
@given(event=anything)
def test_whatever_an_upstream_streams_is_an_event_or_an_error(event: Any) -> None:
    try:
        delta = parse_delta(event, 2)
    except EngineError as error:
        assert "upstream" in str(error)  # noqa: PT017 - either is right
        return
    assert isinstance(delta, Delta)
    assert all(isinstance(piece.text, str) for piece in delta.pieces)


def request(max_tokens: int = 20) -> Generation:
    prompt = Prompt(messages=(Message(Role.USER, "hi"),))
    return Generation((), Sampling(max_tokens, 0.0), (), None, prompt)


@pytest.mark.parametrize("claimed", [10**9, 10**18, -5])
def test_an_upstream_cannot_charge_for_more_than_was_asked(claimed: int) -> None:
    # Given an upstream that says that it made more tokens than it may
    answer = Answer(request(max_tokens=20), lambda _: None, Event(), 4096)
    answer.take(Delta((Piece("one"),), None, Usage(3, claimed, 0)))
    # When its answer ends
    answer.finish("length")
    # Then as many are counted as could be
    made = answer.completion(answer.over()).token_ids  # type: ignore[arg-type]
    assert 1 <= len(made) <= 20


MANNERS: dict[str, bytes] = {
    "no JSON": b"data: hello\n\n",
    "a list": b"data: []\n\n",
    "null": b"data: null\n\n",
    "no event": b"\x00\xff\xfe\n\n",
    "another form": b'data: {"choices": "x"}\n\n',
    "a number for a text": b'data: {"choices": [{"delta": {"content": 7}}]}\n\n',
    "a page": b"<html><body>404</body></html>",
    "nothing": b"",
    "an endless line": b"data: " + b"x" * 3_000_000,
    "a deep one": b"data: " + b'{"choices":' * 20_000 + b"\n\n",
}


@pytest.mark.parametrize("name", MANNERS)
def test_an_answer_that_is_none_fails_its_job_and_nothing_else(name: str) -> None:
    def manner(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Type", "text/event-stream")
        exchange.end_headers()
        exchange.wfile.write(MANNERS[name])

    # Given an upstream that answers something else
    with serving(manner) as upstream:
        settings = UpstreamSettings(upstream.url, api_key="k", connect_seconds=1, silence_seconds=5)
        engine = OpenAIEngine(EngineSettings(slots=1, upstream=settings), counted=False)
        try:
            engine.load()
            # When it is asked, then that is an error of the engine's kind
            with pytest.raises(EngineError):
                engine.generate(request(), lambda _: None, Event())
        finally:
            engine.close()


def test_numbers_that_are_none_stay_out_of_the_sums() -> None:
    row = {"token": "a", "logprob": "NaN", "bytes": None}
    event = {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [row]}}]}
    try:
        delta = parse_delta(json.loads(json.dumps(event)), 0)
    except EngineError:
        return
    chosen = delta.pieces[0].logprobs
    assert chosen is None or not math.isinf(chosen.chosen.logprob)
