"""What stands in a console that has been used for a while."""

import math
import random
import time
from typing import Any

import httpx
from redis import Redis

from api.pulse import TIMED
from common.account_keys import PULSE_SECONDS, pulse
from tests.support.sink import Reply, Sink
from tests.support.stack import finished

PROMPT = "Write two sentences about a caravan of llamas that carries the mail across a desert."
CONTEXTS: list[tuple[str, dict[str, Any]]] = [
    ("high", {"analysis_type": "sentiment", "symbol": "AAPL", "sentiment_score": 0.75}),
    ("normal", {"analysis_type": "options", "symbol": "MSFT", "implied_volatility": 0.28}),
    ("urgent", {"analysis_type": "technical", "symbol": "NVDA", "rsi": 71.5, "macd": 2.1}),
]


def play_an_hour(redis_url: str) -> None:
    """Slices of a plausible hour, in the form in which common/lua/shared/usage.lua counts."""
    chance = random.Random(7)
    last = int(time.time() // PULSE_SECONDS)
    with Redis.from_url(redis_url) as redis:
        for age in range(3600 // PULSE_SECONDS):
            load = 5 + 3 * math.sin(age / 23) + 2 * math.sin(age / 7) + chance.random()
            key = pulse(last - age)
            redis.delete(key)
            redis.hset(key, mapping=_slice(max(1.0, load), chance))
            redis.expire(key, 7200)


def _slice(load: float, chance: random.Random) -> dict[Any, Any]:
    completed = round(load)
    fields = {"completed": completed, "tokens": round(load * 96)}
    if chance.random() < 0.15:
        fields["cancelled"] = 1
    if chance.random() < 0.04:
        fields["failed"] = 1
    for what, typical in zip(TIMED, (90, 260, 1900), strict=True):
        for _ in range(completed):
            took = typical * (0.6 + load / 12) * math.exp(chance.gauss(0, 0.4))
            bucket = f"{what}|{int(8 * math.log2(took))}"
            fields[bucket] = fields.get(bucket, 0) + 1
    return fields


def furnish(client: httpx.Client, sink: Sink) -> None:
    """Users, endpoints, jobs that ended in every way, deliveries, a key, a reload."""
    _users_and_endpoints(client, sink)
    jobs = [
        client.post("/explain", json={"context": context, "max_tokens": 40, "priority": priority})
        for priority, context in CONTEXTS
    ]
    slow = {"prompt": PROMPT, "max_tokens": 4000, "timeout_seconds": 1, "priority": "low"}
    jobs.append(client.post("/generate", json=slow))
    for job in jobs:
        finished(client, job.json())
    sink.behave = lambda _: Reply(503, body=b"the desk is closed")
    cancelled = client.post("/generate", json={"prompt": PROMPT, "max_tokens": 400}).json()
    client.delete(cancelled["urls"]["cancel"])
    client.post("/auth/keys", json={"name": "nightly report", "expires_in_days": 90})
    client.post("/admin/reload", json={})


def _users_and_endpoints(client: httpx.Client, sink: Sink) -> None:
    for user in (
        {"username": "ada", "max_jobs": 20, "rate_limit_per_minute": 300},
        {"username": "grace", "monthly_budget_usd": 25},
        {"username": "prometheus", "role": "metrics"},
        {"username": "mallory", "disabled": True},
    ):
        client.post("/admin/users", json={"password": "a long sentence", **user})
    for endpoint in (
        {"url": "https://hooks.example.com/caravan", "events": ["job.failed"], "disabled": True},
        {"url": sink.url, "description": "Tells the trading desk"},
    ):
        client.post("/webhooks/endpoints", json=endpoint)
