"""Tokens a minute, as clients see them: headers, refusals, waits, and a user's own number."""

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.test_health import INFO, beat
from tests.support.gateway import Gateway


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose users have 1,000 tokens a minute."""
    directory = tmp_path_factory.mktemp("tokens")
    with Gateway.running(directory, TOKENS_PER_MINUTE="1000") as gateway:
        yield gateway


@pytest.fixture
def ada(limited: Gateway) -> Iterator[httpx.Client]:
    limited.redis.flushall()
    with limited.client() as client:
        yield client


def ask(client: httpx.Client, max_tokens: int) -> httpx.Response:
    return client.post("/generate", json={"prompt": "llama llama", "max_tokens": max_tokens})


def test_the_headers_name_both_policies(ada: httpx.Client) -> None:
    answer = ask(ada, 300)

    assert answer.headers["RateLimit-Policy"] == '"permin";q=100000;w=60, "tokens";q=1000;w=60'
    requests, tokens = answer.headers["RateLimit"].split(", ")
    assert requests.startswith('"permin";r=99999;')
    prompt_tokens = answer.json()["usage"]["prompt_tokens"]
    assert tokens.startswith(f'"tokens";r={1000 - 300 - prompt_tokens};t=6')


def test_who_has_reserved_too_much_waits(limited: Gateway, ada: httpx.Client) -> None:
    # Given jobs that may use nearly everything
    job = ask(ada, 900).json()
    # When one more would be too much, then it hears how long to wait, and nothing is made
    refused = ask(ada, 200)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too-many-tokens")
    assert 55 <= int(refused.headers["Retry-After"]) <= 61
    assert limited.metric('llama_rate_limited_total{limit="tokens"}') >= 1
    # When the first one ends with three tokens, then what it did not use is free again
    limited.complete(job["id"], [1, 2, 3])
    assert ask(ada, 200).status_code == 202


def test_a_job_over_the_limit_by_itself_is_told_so(ada: httpx.Client) -> None:
    answer = ask(ada, 1000)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "max_tokens")
    assert "1000 tokens a minute" in answer.json()["detail"]
    assert "Retry-After" not in answer.headers


def test_the_openai_view_is_limited_too(limited: Gateway, ada: httpx.Client) -> None:
    beat(limited)
    ask(ada, 900)
    said = [{"role": "user", "content": "x"}]
    body = {"model": INFO["model_name"], "messages": said, "max_tokens": 200}

    answer = ada.post("/v1/chat/completions", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too-many-tokens")
    assert answer.json()["error"]["type"] == "rate_limit_error"


def test_an_administrator_sets_a_users_own_number(limited: Gateway, ada: httpx.Client) -> None:
    with limited.client("admin") as admin:
        admin.patch("/admin/users/ada", json={"tokens_per_minute": 5000})
    assert ask(ada, 3000).headers["RateLimit-Policy"].endswith('"tokens";q=5000;w=60')
    with limited.client("bob") as bob:
        assert ask(bob, 3000).status_code == 422


def test_without_a_limit_no_such_policy_is_named(gateway: Gateway, client: httpx.Client) -> None:
    assert ask(client, 300).headers["RateLimit-Policy"] == '"permin";q=100000;w=60'
