"""OWASP API6:2023, unrestricted access to sensitive business flows: what must happen once, or
slowly, does.

The flows of this service are guessing passwords, spending a budget, using a refresh token, and
submitting the same work many times.
"""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.support.gateway import Gateway


def test_guessing_is_slow_whichever_name_and_however_many_at_once(gateway: Gateway) -> None:
    with gateway.stack.client() as client, ThreadPoolExecutor(8) as pool:

        def guess(number: int) -> int:
            body = {"username": f"name-{number % 3}", "password": f"guess {number}"}
            return client.post("/auth/login", json=body).status_code

        statuses = list(pool.map(guess, range(40)))
    # Five a name are free, at one address; whoever goes on gets one try a second, then fewer
    assert statuses.count(429) > 12
    assert set(statuses) == {401, 429}


def test_a_refresh_token_is_used_once_however_often_it_is_sent(gateway: Gateway) -> None:
    with gateway.stack.client() as client, ThreadPoolExecutor(8) as pool:
        login = {"username": "admin", "password": "admin123"}
        token = client.post("/auth/login", json=login).json()["refresh_token"]

        def refresh(_: int) -> int:
            return client.post("/auth/refresh", json={"refresh_token": token}).status_code

        statuses = list(pool.map(refresh, range(8)))
    assert statuses.count(200) == 1


def test_one_key_makes_one_job_however_often_it_is_sent(gateway: Gateway) -> None:
    with gateway.client("ada") as ada, ThreadPoolExecutor(8) as pool:

        def submit(_: int) -> str:
            headers = {"Idempotency-Key": "the-order-of-today"}
            answer = ada.post("/generate", json={"prompt": "x"}, headers=headers)
            assert answer.status_code == 202, answer.text
            return str(answer.json()["id"])

        ids = set(pool.map(submit, range(16)))
    assert len(ids) == 1
    assert len(gateway.redis.keys("job:*")) == 1


def test_a_spent_budget_accepts_nothing_by_any_door(gateway: Gateway, ada: httpx.Client) -> None:
    # Given Ada, who has spent all that she may
    gateway.redis.hset("user:ada", "budget_nano", 0)
    doors = {
        "/generate": {"prompt": "x"},
        "/explain": {"context": {"analysis_type": "sentiment", "symbol": "AAPL"}},
        "/v1/chat/completions": {"model": "echo", "messages": [{"role": "user", "content": "x"}]},
        "/v1/completions": {"model": "echo", "prompt": "x"},
        "/v1/responses": {"model": "echo", "input": "x", "background": True},
        "/explain/batch": {
            "requests": [{"context": {"analysis_type": "sentiment", "symbol": "AAPL"}}]
        },
    }
    # Then every way to make a job is closed
    for path, body in doors.items():
        assert ada.post(path, json=body).status_code in (402, 429), path
    assert ada.put("/jobs/mine-1", json={"kind": "generate", "prompt": "x"}).status_code == 402
    assert gateway.redis.keys("job:*") == []
