"""From a context to a prompt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.prompts import SYSTEM_PROMPT, explain_prompt, label, render
from common.prompt import Role

FACTS = {"sentiment_score": 0.75, "current_price": 150.0, "iv_rank": 65}


def question(analysis_type: str, symbol: str | None = "AAPL", **facts: Any) -> str:
    return explain_prompt(analysis_type, symbol, facts).messages[-1].content


def test_the_facts_are_lines_that_a_person_would_write() -> None:
    text = explain_prompt("sentiment", "AAPL", FACTS).messages[-1].content

    assert text.startswith("Here is sentiment data for AAPL:\n\n")
    assert "\nSentiment score: 0.75\nCurrent price: 150\nIV rank: 65\n" in text


KNOWN = [
    *("sentiment", "technical", "options", "volatility", "earnings", "risk"),
    *("fundamental", "portfolio"),
]


def test_every_known_analysis_asks_a_question_of_its_own() -> None:
    questions = {question(analysis_type).splitlines()[-1] for analysis_type in [*KNOWN, "other"]}

    assert len(questions) == len(KNOWN) + 1


def test_an_unknown_analysis_gets_the_general_words() -> None:
    assert question("liquidity").startswith("Here is liquidity data for AAPL:")


def test_a_portfolio_needs_no_symbol() -> None:
    assert question("portfolio", None).startswith("Here is data on a portfolio:")


def test_other_spellings_mean_the_same() -> None:
    assert question("iv") == question("Volatility") == question("implied-volatility")


def test_without_facts_there_is_no_hole() -> None:
    assert "\n\n\n" not in question("risk")


def test_the_callers_system_prompt_replaces_ours() -> None:
    ours = explain_prompt("risk", "AAPL", {})
    theirs = explain_prompt("risk", "AAPL", {}, "You trade options.")

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
        ({"delta": 0.5, "iv": 30}, "delta 0.5, iv 30"),
        ([{"symbol": "A", "weight": 0.4}, {"symbol": "B"}], "symbol A, weight 0.4; symbol B"),
    ],
)
def test_a_value_is_rendered(value: Any, words: str) -> None:
    assert render(value) == words


@given(st.text(), st.text())
def test_no_fact_can_pretend_to_be_another(key: str, value: str) -> None:
    # When any fact is rendered, then it is one line of the list
    plain = question("risk", note="x").count("\n")

    assert question("risk", **{f"k{key}": value}).count("\n") == plain
