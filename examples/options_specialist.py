"""An explanation by a model with a character of its own: the options specialist.

pip install httpx
CARAVAN_TOKEN=$(caravan token) python examples/options_specialist.py
"""

import os

import httpx

SPECIALIST = (
    "You are a financial AI assistant specialized in options trading. Name the strategy that "
    "fits, its greatest loss, and what would change your mind. You give no advice to buy."
)

answer = httpx.post(
    os.environ.get("CARAVAN_URL", "http://localhost:8000") + "/explain",
    headers={
        "Authorization": f"Bearer {os.environ['CARAVAN_TOKEN']}",
        "Prefer": "wait=60",  # hold the answer until it is written
    },
    json={
        "system_prompt": SPECIALIST,
        "context": {
            "analysis_type": "options",
            "symbol": "AAPL",
            "option_type": "call",
            "strike": 155,
            "days_to_expiration": 30,
            "implied_volatility": 0.32,
            "iv_rank": 65,
            "greeks": {"delta": 0.42, "gamma": 0.03, "theta": -0.08, "vega": 0.17},
        },
        "max_tokens": 120,
        "priority": "high",
    },
    timeout=90,
)
answer.raise_for_status()
result = answer.json()["result"]
print(result["explanation"])
print(f"confidence {result['confidence_score']}, {result['tokens_used']} tokens")
