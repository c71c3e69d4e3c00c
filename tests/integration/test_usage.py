"""Usage, budgets and the operator's numbers, from submit to report."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.statistics import HistoryBody, StatsBody, StatusBody, UsageReportBody
from common import keys
from tests.support.gateway import Gateway
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until

PRICES = {"m": {"prompt": 0.5, "completion": 1.0, "cached": 0.25}}


@pytest.fixture(scope="module")
def priced_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = {"MODEL_PRICES": json.dumps(PRICES), "PRICE_PER_1K_TOKENS": "2"}
    with Gateway.running(tmp_path_factory.mktemp("priced"), **settings) as gateway:
        yield gateway


@pytest.fixture
def priced(priced_gateway: Gateway) -> Gateway:
    priced_gateway.redis.flushall()
    return priced_gateway


def submit(client: httpx.Client, **fields: Any) -> Any:
    answer = client.post("/generate", json={"prompt": "llama", **fields})
    assert answer.status_code == 202, answer.text
    return answer.json()


def complete(gateway: Gateway, job: Any, tokens: int, model: str = "m") -> None:
    gateway.desk.claim(job["id"], model=model)
    gateway.desk.finish(job["id"], 0, [1] * tokens)


def cost(usage: Any, model: str = "m") -> float:
    """What a job should cost, in dollars."""
    price = PRICES.get(model, {"prompt": 2, "completion": 2})
    tokens = (usage["prompt_tokens"], usage["completion_tokens"])
    return float(tokens[0] * price["prompt"] + tokens[1] * price["completion"]) / 1000


def the_day(gateway: Gateway) -> str:
    """Today, by the clock that books."""
    seconds, _ = gateway.redis.time()
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def test_two_users_see_each_their_own_sums(priced: Gateway) -> None:
    day = the_day(priced)
    with priced.client("ada") as ada, priced.client("bob") as bob:
        # Given jobs of two users, of two models
        jobs = [(submit(ada), 3, "m"), (submit(ada), 4, "other"), (submit(bob), 5, "m")]
        for job, tokens, model in jobs:
            complete(priced, job, tokens, model)
        seen = [ada.get(job["urls"]["self"]).json()["usage"] for job, *_ in jobs[:2]]
        # When each asks what they used
        report = ada.get("/usage").json()
        UsageReportBody.model_validate(report, extra="forbid")
        others = bob.get("/usage").json()
    # Then each line is the job's own usage, and the totals are their sums
    assert [(line["model"], line["completed"]) for line in report["data"]] == [
        ("m", 1),
        ("other", 1),
    ]
    assert {line["date"] for line in report["data"]} <= {day, the_day(priced)}
    for usage, line in zip(seen, report["data"], strict=True):
        assert usage["cost_usd"] == line["cost_usd"] == cost(usage, line["model"])
    for name in ("prompt_tokens", "completion_tokens", "total_tokens", "cost_usd"):
        assert report["totals"][name] == pytest.approx(sum(usage[name] for usage in seen))
    assert (others["totals"]["completion_tokens"], others["totals"]["jobs"]) == (5, 1)


def test_a_job_that_has_not_ended_costs_nothing_yet(priced: Gateway) -> None:
    with priced.client("ada") as ada:
        job = submit(ada)
        assert job["usage"]["cost_usd"] == 0
        assert ada.get("/usage").json()["data"] == []


def test_only_an_administrator_sees_another_users_usage(priced: Gateway) -> None:
    with priced.client("ada") as ada, priced.client("admin") as admin:
        complete(priced, submit(ada), 3)
        assert admin.get("/usage", params={"user": "ada"}).json()["totals"]["jobs"] == 1
        assert ada.get("/usage", params={"user": "admin"}).status_code == 403
        assert ada.get("/usage", params={"user": "ada"}).status_code == 200
        assert admin.get("/usage", params={"user": "nobody"}).status_code == 404
        # And it stays known after its user was deleted
        admin.delete("/admin/users/ada")
        assert admin.get("/usage", params={"user": "ada"}).json()["totals"]["jobs"] == 1


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "2026-02-01", "end_date": "2026-01-31"},
        {"start_date": "2020-01-01", "end_date": "2026-01-01"},
        {"start_date": "yesterday"},
        {"end_date": "0001-01-01", "start_date": "9999-12-31"},
    ],
)
def test_days_that_are_none_are_refused(priced: Gateway, query: dict[str, str]) -> None:
    with priced.client("ada") as ada:
        assert ada.get("/usage", params=query).status_code == 422


def test_days_long_ago_are_empty(priced: Gateway) -> None:
    with priced.client("ada") as ada:
        complete(priced, submit(ada), 3)
        query = {"start_date": "2001-01-01", "end_date": "2001-01-31"}
        assert ada.get("/usage", params=query).json()["totals"]["jobs"] == 0


def test_a_spent_budget_refuses_with_what_was_spent(priced: Gateway) -> None:
    # Given a user who may spend a hundredth of a dollar, and has spent more
    with priced.client("ada") as ada, priced.client("admin") as admin:
        admin.patch("/admin/users/ada", json={"monthly_budget_usd": 0.01})
        complete(priced, submit(ada), 20)
        # When the user submits more
        refused = ada.post("/generate", json={"prompt": "llama"})
        # Then it is refused, and the report says the same
        budget = ada.get("/usage").json()["budget"]
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget-exceeded")
    assert "0.01 USD" in refused.json()["detail"]
    assert budget["monthly_budget_usd"] == 0.01
    assert budget["spent_usd"] > 0.02
    assert budget["remaining_usd"] == 0
    assert budget["resets_at"] > datetime.now(UTC).isoformat()


def test_fifty_submits_at_once_overrun_a_budget_by_no_more_than_their_jobs(
    priced: Gateway,
) -> None:
    # Given a budget for about one job, of a user who may have eight unfinished ones
    with priced.client("ada") as ada, priced.client("admin") as admin:
        limits = {"monthly_budget_usd": 0.003, "max_jobs": 8}
        admin.patch("/admin/users/ada", json=limits)

        def try_submit(_: int) -> httpx.Response:
            return ada.post("/generate", json={"prompt": "llama"})

        with ThreadPoolExecutor(16) as pool:
            # When fifty come at once, and those accepted end
            first = list(pool.map(try_submit, range(50)))
            accepted = [answer.json() for answer in first if answer.status_code == 202]
            for job in accepted:
                complete(priced, job, 10)
            second = list(pool.map(try_submit, range(50)))
        spent = ada.get("/usage").json()["budget"]["spent_usd"]
        each = ada.get(accepted[0]["urls"]["self"]).json()["usage"]["cost_usd"]
    # Then as many as may be unfinished were accepted, and nothing after them
    assert len(accepted) == 8
    assert spent == pytest.approx(8 * each)
    assert {answer.status_code for answer in second} == {402}


def test_the_stats_name_users_and_models_the_costliest_first(priced: Gateway) -> None:
    # Given jobs of two users, one of which failed
    with priced.client("ada") as ada, priced.client("bob") as bob:
        complete(priced, submit(ada), 2)
        complete(priced, submit(bob), 9)
        lost = submit(bob)["id"]
    priced.desk.claim(lost, model="other")
    priced.redis.zadd("leases", {lost: 1})
    priced.desk.rescue()
    priced.redis.zadd("leases", {lost: 1})
    priced.redis.hset(keys.job(lost), mapping={"status": "in_progress", "tokens_at_kill": 0})
    priced.desk.rescue(kills=1)
    # When the administrator asks
    with priced.client("admin") as admin:
        stats = admin.get("/admin/stats").json()
    # Then both are there, and the failure is counted without a cost
    StatsBody.model_validate(stats, extra="forbid")
    usage = stats["usage"]
    assert [(user["user"], user["jobs"], user["failed"]) for user in usage["users"]] == [
        ("bob", 2, 1),
        ("ada", 1, 0),
    ]
    assert [(model["model"], model["cost_usd"] > 0) for model in usage["models"]] == [
        ("m", True),
        ("other", False),
    ]
    assert usage["totals"]["jobs"] == 3


def test_the_status_says_how_the_last_minutes_went_and_outlives_the_gateway(
    tmp_path: Path,
) -> None:
    with Gateway.running(tmp_path) as gateway:
        # Given a job that was completed
        with gateway.client("ada") as ada:
            complete(gateway, submit(ada), 10)
        before = gateway.redis.time()[0]
        # When the gateway is killed and another asked
        gateway.stack.processes["gateway"].kill()
        gateway.stack.start_gateway()
        wait_until(gateway._answers, what="the gateway's answer")
        with gateway.stack.client() as client:
            status, history = client.get("/status").json(), client.get("/status/history").json()
    # Then it knows of the job, its tokens and its times
    StatusBody.model_validate(status, extra="forbid")
    HistoryBody.model_validate(history)
    assert [window["minutes"] for window in status["windows"]] == [1, 5, 15]
    for window in status["windows"]:
        assert window["jobs"]["completed"] == 1
        assert window["minutes"] * 60 <= window["seconds"] <= window["minutes"] * 60 + 15
        assert window["latency"]["total_ms"]["count"] == 1
        assert 0 <= window["latency"]["total_ms"]["p95"] < 60_000
        assert window["tokens_per_second"] > 0
    assert before > 0
    assert sum(minute["jobs"]["completed"] for minute in history["data"]) == 1


@pytest.mark.parametrize("value", ["{", '{"m": {"prompt": -1}}', '{"m": {"prmpt": 1}}', '["m"]'])
def test_prices_that_are_none_stop_the_start_in_one_line(tmp_path: Path, value: str) -> None:
    process = Stack(tmp_path, MODEL_PRICES=value).start_gateway()
    assert process.wait(60) == 2
    (line,) = process.output().splitlines()
    assert line.startswith("error: MODEL_PRICES="), line


@pytest.mark.model
def test_a_prompt_that_comes_again_is_cached_and_counted_so(llama_stack: Stack) -> None:
    with closing(llama_stack.login()) as client:
        before = client.get("/usage").json()["totals"]["cached_tokens"]
        # When a prompt comes twice, one after the other
        ask = {"prompt": "Why do bond prices fall when interest rates rise?", "max_tokens": 4}
        first, second = (finished(client, submit(client, **ask)) for _ in range(2))
        after = client.get("/usage").json()["totals"]["cached_tokens"]
    # Then all of its tokens but the last need not be computed again
    assert second["usage"]["cached_tokens"] == second["usage"]["prompt_tokens"] - 1
    assert after - before == sum(job["usage"]["cached_tokens"] for job in (first, second))
