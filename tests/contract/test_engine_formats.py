"""Answers held to a JSON Schema, and log-probabilities, in every engine that has them."""

import json
import math
from typing import Any

import jsonschema
import pytest

from common.sampling import FinishReason, ResponseFormat
from tests.support.engines import MAX_TOKENS, MODELS, QUESTION, Bench, with_own_ids
from worker.engines.base import RequestRefused

with_a_grammar = pytest.mark.parametrize("bench", MODELS, indirect=True)

REVIEW = {
    "type": "object",
    "properties": {
        "sentiment": {"enum": ["bullish", "bearish", "neutral"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 100},
        "reason": {"type": "string", "maxLength": 40},
    },
    "required": ["sentiment", "score", "reason"],
    "additionalProperties": False,
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "object": REVIEW,
    "array": {
        "type": "array",
        "items": {"type": "integer", "maximum": 9, "minimum": 0},
        "maxItems": 4,
    },
    "choice": {"enum": ["buy", "hold", "sell"]},
    "pattern": {"type": "string", "pattern": "^[A-Z]{1,5}$"},
    "nested": {
        "type": "object",
        "properties": {"legs": {"type": "array", "items": {"$ref": "#/$defs/leg"}, "maxItems": 2}},
        "required": ["legs"],
        "additionalProperties": False,
        "$defs": {
            "leg": {
                "type": "object",
                "properties": {
                    "side": {"enum": ["call", "put"]},
                    "strike": {"type": "integer", "minimum": 1, "maximum": 999},
                    "note": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 8}]},
                },
                "required": ["side", "strike", "note"],
                "additionalProperties": False,
            }
        },
    },
}


DRAWN = {"temperature": 1.2, "seed": 3}


def held_to(schema: dict[str, Any]) -> ResponseFormat:
    return ResponseFormat(json.dumps(schema), "answer")


@pytest.mark.parametrize("bench", MODELS[:1], indirect=True)
@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("knobs", [{}, DRAWN], ids=["greedy", "drawn"])
def test_an_answer_follows_its_schema(bench: Bench, name: str, knobs: dict[str, Any]) -> None:
    follows(bench, SCHEMAS[name], knobs)


@with_a_grammar
@pytest.mark.parametrize("knobs", [{}, DRAWN], ids=["greedy", "drawn"])
def test_an_answer_of_every_engine_follows_a_schema(bench: Bench, knobs: dict[str, Any]) -> None:
    follows(bench, REVIEW, knobs)


def follows(bench: Bench, schema: dict[str, Any], knobs: dict[str, Any]) -> None:
    """The answer ends by itself, parses and validates."""
    call = bench.ask("AAPL?", max_tokens=120, response_format=held_to(schema), **knobs)
    completion = call.completion()
    assert completion.finish_reason is FinishReason.STOP
    jsonschema.validate(json.loads(completion.text), schema)


@with_a_grammar
def test_a_resumed_answer_goes_on_in_the_middle_of_its_schema(bench: Bench) -> None:
    knobs: dict[str, Any] = {"max_tokens": 120, "response_format": held_to(REVIEW)}
    whole = bench.ask("AAPL?", **knobs)
    for k in (len(whole.ids) // 2, len(whole.ids) - 1):
        resumed = bench.ask("AAPL?", resume=whole.ids[:k], **knobs)
        assert resumed.ids == whole.ids[k:]
        assert resumed.completion().text == whole.text


@with_a_grammar
def test_neighbours_with_and_without_a_schema_do_not_mix(bench: Bench) -> None:
    plain = bench.ask(QUESTION).ids
    held = bench.call(bench.request("AAPL?", max_tokens=120, response_format=held_to(REVIEW)))
    assert bench.ask(QUESTION).ids == plain
    jsonschema.validate(json.loads(held.completion().text), REVIEW)


@with_a_grammar
def test_any_json_object_will_do_where_no_schema_is_given(bench: Bench) -> None:
    request = bench.request(
        'Answer with {"symbol": "AAPL"}', max_tokens=60, response_format=ResponseFormat()
    )
    completion = bench.call(request).completion()
    assert completion.text.startswith("{")
    if completion.finish_reason is FinishReason.STOP:
        assert isinstance(json.loads(completion.text), dict)


@with_a_grammar
@pytest.mark.parametrize(
    "schema",
    [{"type": "nothing"}, {"$ref": "#"}, {"type": "integer", "multipleOf": 999_999_937}],
    ids=["unknown", "endless", "too complex"],
)
def test_a_schema_that_nobody_can_follow_is_refused_for_good(
    bench: Bench, schema: dict[str, Any]
) -> None:
    with pytest.raises(RequestRefused) as raised:
        bench.ask(QUESTION, response_format=held_to(schema))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("bench", ["echo"], indirect=True)
def test_an_engine_without_a_grammar_does_not_pretend(bench: Bench) -> None:
    with pytest.raises(RequestRefused):
        bench.ask(QUESTION, response_format=held_to(REVIEW))


def test_an_upstream_is_told_the_schema(upstream_bench: Bench) -> None:
    call = upstream_bench.ask("AAPL?", max_tokens=120, response_format=held_to(REVIEW))
    jsonschema.validate(json.loads(call.completion().text), REVIEW)


# Log-probabilities


def test_nobody_is_told_what_nobody_asked_for(bench: Bench) -> None:
    assert {token.logprobs for token in bench.ask(QUESTION).tokens} == {None}


@pytest.mark.parametrize("alternatives", [0, 3])
def test_every_token_has_its_logprob_and_as_many_alternatives(
    bench: Bench, alternatives: int
) -> None:
    call = bench.ask(QUESTION, logprobs=alternatives)
    assert len(call.tokens) == MAX_TOKENS
    for token in call.tokens:
        assert token.logprobs is not None
        assert token.logprobs.chosen.logprob == token.logprob
        assert len(token.logprobs.top) == alternatives
        logprobs = [likelihood.logprob for likelihood in token.logprobs.top]
        assert logprobs == sorted(logprobs, reverse=True)
        if bench.name != "echo":
            assert sum(math.exp(logprob) for logprob in logprobs) <= 1 + 1e-6


def test_a_greedy_token_is_the_first_of_its_alternatives(bench: Bench) -> None:
    for token in bench.ask(QUESTION, logprobs=2).tokens:
        assert token.logprobs is not None
        assert token.logprobs.top[0] == token.logprobs.chosen


@with_own_ids
def test_the_bytes_of_the_tokens_are_the_answer_even_inside_characters(bench: Bench) -> None:
    call = bench.ask("Repeat: 🦙 naïve 日本", logprobs=0, max_tokens=40)
    told = b"".join(t.logprobs.chosen.data for t in call.tokens if t.logprobs)
    assert told.decode("utf-8", "replace").startswith(call.text.rstrip("\N{REPLACEMENT CHARACTER}"))
    assert call.text


def test_log_probabilities_do_not_change_the_answer(bench: Bench) -> None:
    assert bench.ask(QUESTION, logprobs=5).ids == bench.ask(QUESTION).ids
