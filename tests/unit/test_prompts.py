"""From a context to a prompt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.explain.analyses import NAMES
from api.explain.context import Context
from api.explain.fence import Fence
from api.explain.prompt import SYSTEM_PROMPT
from api.explain.words import fact_lines, label, render
from api.faults import field_errors
from api.requests.explain import ExplainRequest
from common.prompt import Prompt, Role

FENCE = Fence("secret")
FACTS: dict[str, Any] = {"sentiment_score": 0.75, "current_price": 150.0, "iv_rank": 65}


def prompt(analysis_type: str, symbol: str | None = "AAPL", **facts: Any) -> Prompt:
    context = {"analysis_type": analysis_type, "symbol": symbol, **facts}
    return ExplainRequest.model_validate({"context": context}).to_prompt(FENCE)


def question(analysis_type: str, symbol: str | None = "AAPL", **facts: Any) -> str:
    return prompt(analysis_type, symbol, **facts).messages[-1].content


def line(analysis_type: str, **facts: Any) -> str:
    """The one line of the one fact."""
    (said,) = question(analysis_type, **facts).split("\n\n")[1].splitlines()
    return said


def test_the_facts_are_lines_that_a_person_would_write() -> None:
    text = question("sentiment", **FACTS)

    assert text.startswith("Here is sentiment data for AAPL:\n\n")
    assert text.split("\n\n")[1].splitlines() == [
        "Sentiment score: 0.75 on a scale from -1 to 1",
        "Current price: $150",
        "IV rank: 65 of 100",
    ]


def test_every_known_analysis_asks_a_question_of_its_own() -> None:
    questions = {question(analysis_type).splitlines()[-1] for analysis_type in [*NAMES, "other"]}

    assert len(questions) == len(NAMES) + 1


@pytest.mark.parametrize(
    ("analysis_type", "fact", "said"),
    [
        ("options", {"strike": 155}, "Strike: $155"),
        ("options", {"implied_volatility": 0.32}, "Implied volatility: 32% a year"),
        ("options", {"implied_volatility": 32}, "Implied volatility: 32% a year"),
        ("options", {"theta": -0.08}, "Theta: -$0.08 a day"),
        (
            "options",
            {"greeks": {"delta": 0.42, "vega": 0.17, "charm": 1}},
            "Greeks: delta 0.42, vega $0.17 a percentage point, charm 1",
        ),
        ("options", {"days_to_expiration": 30}, "Days to expiration: 30 days"),
        ("technical", {"rsi": 71.5}, "RSI: 71.5 of 100"),
        ("earnings", {"eps_actual": -1.2, "currency": "EUR"}, "EPS actual: -1.2 EUR"),
        ("earnings", {"revenue_actual": 89500000000}, "Revenue actual: $89,500,000,000"),
        ("portfolio", {"var_95": 4200.5}, "VaR 95: $4,200.5"),
        (
            "portfolio",
            {"positions": [{"symbol": "A", "weight": 0.4}, {"weight_percent": 60}]},
            "Positions: symbol A, weight 40%; weight 60%",
        ),
        ("macro", {"yield_spread_bps": -25}, "Yield spread: -25 basis points"),
        ("macro", {"unemployment_rate": 4.1}, "Unemployment rate: 4.1%"),
        ("liquidity", {"spread_bps": 3}, "Spread: 3 basis points"),
        ("liquidity", {"turnover_pct": 0.5}, "Turnover: 0.5%"),
        ("liquidity", {"depth": 12}, "Depth: 12"),
        ("liquidity", {"depth_usd": "thin"}, "Depth: thin"),
    ],
)
def test_a_number_is_shown_with_its_unit(
    analysis_type: str, fact: dict[str, Any], said: str
) -> None:
    assert line(analysis_type, **fact) == said


@pytest.mark.parametrize(
    ("analysis_type", "fact", "field", "limit"),
    [
        ("sentiment", {"sentiment_score": 1.5}, "context.sentiment_score", "at most 1"),
        ("sentiment", {"iv_rank": -1}, "context.iv_rank", "at least 0"),
        ("options", {"delta": 2}, "context.delta", "at most 1"),
        ("options", {"greeks": {"delta": 2}}, "context.greeks.delta", "at most 1"),
        ("options", {"option_type": "maybe"}, "context.option_type", "'call' or 'put'"),
        ("technical", {"rsi": "high"}, "context.rsi", "a number"),
        ("technical", {"rsi": True}, "context.rsi", "a number"),
        ("portfolio", {"positions": [{"weight": 40}]}, "context.positions.0.weight", "at most 1"),
        ("macro", {"currency": "dollars"}, "context.currency", "text of another form"),
    ],
)
def test_a_known_fact_has_limits(
    analysis_type: str, fact: dict[str, Any], field: str, limit: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        prompt(analysis_type, **fact)

    (error,) = field_errors([{**e, "loc": ("body", *e["loc"])} for e in caught.value.errors()])
    assert (error["field"], error["limit"]) == (field, limit)


def test_the_same_name_may_be_any_fact_of_another_analysis() -> None:
    assert line("general", rsi="high") == "RSI: high"


def test_a_fact_may_be_named_like_a_part_of_our_own_code() -> None:
    names = ("copy", "model_dump", "given", "_order", "template", "json", "about")

    for name in names:
        assert question("risk", **{name: "a value"}).count("a value") == 1


def test_an_unknown_analysis_gets_the_general_words() -> None:
    assert question("liquidity").startswith("Here is liquidity data for AAPL:")


def test_a_portfolio_needs_no_symbol() -> None:
    assert question("portfolio", None).startswith("Here is data on a portfolio:")


def test_other_spellings_mean_the_same() -> None:
    assert question("iv") == question("Volatility") == question("implied-volatility")


def test_without_facts_there_is_no_hole() -> None:
    assert "\n\n\n" not in question("risk")


def test_the_callers_system_prompt_replaces_ours() -> None:
    body = {"context": {"analysis_type": "risk"}, "system_prompt": "You trade options."}
    ours = prompt("risk")
    theirs = ExplainRequest.model_validate(body).to_prompt(FENCE)

    assert [m.role for m in ours.messages] == [Role.SYSTEM, Role.USER]
    assert ours.messages[0].content == SYSTEM_PROMPT
    assert theirs.messages[0].content == "You trade options."


def test_braces_in_a_symbol_are_only_braces() -> None:
    assert "{analysis}" in question("risk", "{analysis}")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("iv_rank", "IV rank"),
        ("put_call_ratio", "Put call ratio"),
        ("currentPrice", "Current price"),
        ("rsi", "RSI"),
        ("price-to-book", "Price to book"),
        ("P/E", "P/e"),
        ("", ""),
    ],
)
def test_a_key_is_labelled(key: str, words: str) -> None:
    assert label(key) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "unknown"),
        (True, "yes"),
        (65, "65"),
        (0.1 + 0.2, "0.3"),
        (1e21, "1e+21"),
        (["calls", 3], "calls, 3"),
        ([], "none"),
        ({"delta": 0.5, "iv": 30}, "delta 0.5, IV 30"),
        ([{"symbol": "A", "weight": 0.4}, {"symbol": "B"}], "symbol A, weight 0.4; symbol B"),
    ],
)
def test_a_value_is_rendered(value: Any, words: str) -> None:
    assert render(value) == words


@given(st.text(), st.text())
def test_no_fact_can_pretend_to_be_another(key: str, value: str) -> None:
    # When any fact is rendered, then it is one line of the list
    facts = Context(analysis_type="risk")
    facts.__pydantic_extra__ = {key: value}
    facts._order = (key,)

    assert len(fact_lines(facts, "USD").split("\n")) == 1
