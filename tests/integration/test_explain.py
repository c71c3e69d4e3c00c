"""Every kind of analysis, explained by a real Llama."""

from contextlib import closing
from typing import Any

import pytest

from tests.support.documents import EXAMPLE_REQUEST, EXAMPLE_RESPONSE
from tests.support.stack import Stack, finished

pytestmark = pytest.mark.model

CONTEXTS: dict[str, dict[str, Any]] = {
    "sentiment": {"sentiment_score": 0.75, "current_price": 150.0, "iv_rank": 65},
    "options": {"strike": 155, "iv_rank": 65, "greeks": {"delta": 0.42, "theta": -0.08}},
    "volatility": {"implied_volatility": 0.32, "historical_volatility": 0.21},
    "technical": {"rsi": 71, "sma_50": 148.2, "sma_200": 139.9},
    "earnings": {"eps_actual": 1.46, "eps_estimate": 1.39},
    "fundamental": {"pe_ratio": 28.5, "dividend_yield_percent": 0.5},
    "risk": {"beta": 1.3, "var_95": 4200},
    "portfolio": {"positions": [{"symbol": "AAPL", "weight": 0.4}], "cash_percent": 60},
    "macro": {"inflation_rate": 3.1, "unemployment_rate": 4.0},
    "liquidity": {"spread_bps": 3, "depth": "thin"},
}


def test_every_analysis_is_explained(llama_stack: Stack) -> None:
    # Given one context of each kind, one of them of none that is known
    with closing(llama_stack.login()) as client:
        jobs = {
            analysis: client.post(
                "/explain",
                json={
                    "context": {"analysis_type": analysis, "symbol": "AAPL", **facts},
                    "max_tokens": 24,
                    "temperature": 0,
                },
            ).json()
            for analysis, facts in CONTEXTS.items()
        }
        # When all have ended
        ended = {name: finished(client, job, 120) for name, job in jobs.items()}
    # Then each has something of its own to say
    said = {name: job["result"]["explanation"] for name, job in ended.items()}
    assert all(said.values()), said
    assert len(set(said.values())) == len(CONTEXTS)


def test_the_documents_example_answers_as_the_document_shows(llama_stack: Stack) -> None:
    # When the example is sent as it stands
    with closing(llama_stack.login()) as client:
        job = client.post("/explain", json=EXAMPLE_REQUEST).json()
        url = f"{job['urls']['self']}/result"
        body = client.get(url, headers={"Prefer": "wait=60"}).json()
    # Then the answer has the same keys in the same order, and true numbers
    assert list(body) == list(EXAMPLE_RESPONSE)
    assert list(body["model_info"]) == list(EXAMPLE_RESPONSE["model_info"])
    assert body["explanation"].strip()  # how much a small model says at this temperature varies
    assert 0 < body["tokens_used"] <= 200
    assert body["processing_time_ms"] > 0
    assert 0 < body["confidence_score"] <= 1


def test_a_system_prompt_of_the_callers_changes_what_is_said(llama_stack: Stack) -> None:
    # Given the same facts, with our system prompt and with the document's own
    own = (
        "You are a financial AI assistant specialized in options trading.\nFocus on:\n"
        "- Options strategy explanations\n- Risk assessment\n- Greeks analysis\n"
        "- Market conditions"
    )
    context = {"analysis_type": "options", "symbol": "AAPL", **CONTEXTS["options"]}
    with closing(llama_stack.login()) as client:
        texts = []
        for prompt in ({}, {"system_prompt": own}):
            body = {"context": context, "max_tokens": 40, "temperature": 0, **prompt}
            answer = client.post("/explain", json=body, headers={"Prefer": "wait=60"})
            texts.append(answer.json()["result"]["explanation"])
    # Then the model says something else
    assert texts[0] != texts[1]
