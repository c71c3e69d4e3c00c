"""What an ended job used and cost, on a real server: counted once, whoever ends it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from redis import Redis

from api.prices import ModelPrice, frozen_prices
from api.pulse import Pulse
from common import account_keys, keys
from common.job import Work
from common.prompt import Prompt
from common.sampling import Sampling
from common.scripts import load_scripts
from tests.support.desk import Desk

#: In billionths of a dollar: 100 a prompt token, 200 a completion token, 10 a cached one.
PRICES = frozen_prices({"m": ModelPrice(prompt=1e-4, completion=2e-4, cached=1e-5)}, 1e-3)
PRICED = {"prices": PRICES}
#: What desk.submit counts its prompt as.
PROMPT_TOKENS = 6


@pytest.fixture
def desk(redis_client: Redis) -> Desk:
    desk = Desk(redis_client)
    desk.rescue()  # leaves a fresh tick: leases are trusted
    return desk


def booked(desk: Desk, user: str = "ada") -> dict[str, int]:
    """The sums of today."""
    day = (datetime.now(UTC).date() - date(1970, 1, 1)).days
    stored = desk.redis.hgetall(account_keys.usage(user, day))
    return {str(name): int(value) for name, value in stored.items()}


def month() -> str:
    return time.strftime("%Y-%m", time.gmtime())


def running(desk: Desk, ids: list[int], model: str = "m") -> str:
    """A priced job that has made these tokens."""
    job_id = desk.submit(more=PRICED)
    desk.claim(job_id, model=model)
    desk.append(job_id, 0, ids)
    return job_id


def finish(desk: Desk, job_id: str, ids: list[int]) -> None:
    before = desk.read(job_id).tokens
    assert desk.finish(job_id, before, ids)[0] == "ok"


def cancel(desk: Desk, job_id: str) -> None:
    desk.scripts("cancel", job_id, "ada", "n")


def expire(desk: Desk, job_id: str) -> None:
    desk.redis.zadd("deadlines", {job_id: 1})
    assert desk.scripts("expire", 0, 10) == [job_id]


def test_a_completed_job_is_booked_by_the_prices_of_its_model(desk: Desk) -> None:
    # Given a job of a model with prices of its own, one of whose prompt tokens was cached
    job_id = running(desk, [1, 2])
    desk.redis.hset(keys.job(job_id), "cached_tokens", 1)
    # When it is completed with a third token
    finish(desk, job_id, [3])
    # Then all of it is booked to its user, day and model
    cost = 5 * 100 + 1 * 10 + 3 * 200
    assert booked(desk) == {
        "completed|m": 1,
        "prompt|m": PROMPT_TOKENS,
        "completion|m": 3,
        "cached|m": 1,
        "cost_nano|m": cost,
    }
    assert desk.read(job_id).cost_nano == cost
    assert desk.redis.get(account_keys.spent("ada", month())) == str(cost)


def test_another_model_costs_the_common_price(desk: Desk) -> None:
    finish(desk, running(desk, [], model="other"), [1, 2, 3, 4])
    assert booked(desk)["cost_nano|other"] == (PROMPT_TOKENS + 4) * 1000


def test_a_job_without_prices_is_counted_and_free(desk: Desk) -> None:
    job_id = desk.submit()
    desk.claim(job_id, model="m")
    desk.finish(job_id, 0, [1])
    assert booked(desk) == {"completed|m": 1, "prompt|m": PROMPT_TOKENS, "completion|m": 1}
    assert desk.redis.get(account_keys.spent("ada", month())) is None


@pytest.mark.parametrize("end", ["finish", "cancel", "expire", "rescue"])
def test_a_job_is_booked_once_however_often_its_end_is_repeated(desk: Desk, end: str) -> None:
    # Given a running job, poison if it is to die
    job_id = running(desk, [1, 2])
    ends: dict[str, Callable[[], object]] = {
        "finish": lambda: desk.finish(job_id, 2, [3]),
        "cancel": lambda: cancel(desk, job_id),
        "expire": lambda: desk.scripts("expire", 0, 10),
        "rescue": lambda: desk.rescue(kills=1),
    }
    desk.redis.zadd("deadlines" if end == "expire" else "leases", {job_id: 1})
    if end == "rescue":
        desk.redis.hset(keys.job(job_id), "tokens_at_kill", 2)
    # When its end is written, and written again
    ends[end]()
    once, spent = booked(desk), desk.redis.get(account_keys.spent("ada", month()))
    for again in ends.values():
        again()
    # Then it stands in the sums once
    assert desk.read(job_id).status.terminal
    assert once["completion|m"] == (3 if end == "finish" else 2)
    assert booked(desk) == once
    assert desk.redis.get(account_keys.spent("ada", month())) == spent


def test_a_job_that_never_started_used_nothing(desk: Desk) -> None:
    job_id = desk.submit(more=PRICED)
    cancel(desk, job_id)
    assert booked(desk) == {"cancelled|": 1}
    assert desk.read(job_id).cost_nano == 0


def test_what_was_made_before_a_rescue_is_paid_once(desk: Desk) -> None:
    # Given a job whose worker died after two tokens
    job_id = running(desk, [1, 2])
    desk.let_lease_run_out(job_id)
    desk.rescue()
    # When another goes on to the end
    desk.claim(job_id, "new", model="m")
    desk.finish(job_id, 2, [3], "new")
    # Then prompt and tokens are booked once, over both attempts
    assert desk.read(job_id).attempts == 2
    assert booked(desk)["cost_nano|m"] == PROMPT_TOKENS * 100 + 3 * 200


def test_what_the_service_broke_is_counted_and_costs_nothing(desk: Desk) -> None:
    job_id = running(desk, [1, 2])
    desk.redis.zadd("leases", {job_id: 1})
    desk.redis.hset(keys.job(job_id), "tokens_at_kill", 2)
    desk.rescue(kills=1)
    assert booked(desk) == {"failed|m": 1, "prompt|m": PROMPT_TOKENS, "completion|m": 2}


def test_a_cancelled_or_expired_job_pays_for_what_it_made(desk: Desk) -> None:
    for end in (cancel, expire):
        end(desk, running(desk, [1, 2]))
    assert booked(desk)["cost_nano|m"] == 2 * (PROMPT_TOKENS * 100 + 2 * 200)


def test_prices_that_change_do_not_rewrite_history(desk: Desk) -> None:
    # Given a job that was submitted under one price, and another under a tenfold one
    old, tenfold = running(desk, []), json.dumps({"": [10**7] * 3})
    new = desk.submit(more={"prices": tenfold})
    desk.claim(new, "t")
    # When both end
    desk.finish(old, 0, [1])
    desk.finish(new, 0, [1], "t")
    # Then each cost what it was promised
    assert desk.read(old).cost_nano == PROMPT_TOKENS * 100 + 200
    assert desk.read(new).cost_nano == (PROMPT_TOKENS + 1) * 10_000


def test_a_redriven_job_keeps_its_prices(desk: Desk) -> None:
    job_id = running(desk, [])
    desk.redis.hset(keys.job(job_id), "tokens_at_kill", 0)
    desk.redis.zadd("leases", {job_id: 1})
    desk.rescue(kills=1)
    desk.scripts("redrive", job_id, "job_new", "normal", 1000, 1000)
    desk.claim("job_new", model="m")
    desk.finish("job_new", 0, [1])
    assert desk.read("job_new").cost_nano == PROMPT_TOKENS * 100 + 200


def test_sums_and_slices_are_not_kept_for_ever(desk: Desk) -> None:
    finish(desk, running(desk, []), [1])
    for pattern in ("usage:*", "spent:*", "pulse:*"):
        found = list(desk.redis.scan_iter(pattern))
        assert found
        assert all(desk.redis.ttl(key) > 0 for key in found), found


def test_a_slice_says_how_long_jobs_took(desk: Desk) -> None:
    # Given three jobs that ended, one of them cancelled
    for _ in range(2):
        finish(desk, running(desk, [1]), [2])
    cancel(desk, running(desk, [1]))
    # When the slices are added up
    slices: Any = [desk.redis.hgetall(key) for key in desk.redis.scan_iter("pulse:*")]
    pulse = Pulse.of(slices)
    # Then every job waited and had a first token, and only completed ones have a total
    assert (pulse.counts["completed"], pulse.counts["cancelled"]) == (2, 1)
    assert pulse.counts["tokens"] == 5
    assert {name: sum(counts.values()) for name, counts in pulse.buckets.items()} == {
        "wait": 3,
        "first": 3,
        "total": 2,
    }


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("1970-01-01T00:00:00", "1970-01"),
        ("2024-02-29T23:59:59", "2024-02"),
        ("2024-03-01T00:00:00", "2024-03"),
        ("2026-12-31T23:59:59", "2026-12"),
        ("2100-02-28T12:00:00", "2100-02"),
        ("2100-03-01T00:00:00", "2100-03"),
    ],
)
def test_the_month_is_that_of_the_calendar(desk: Desk, moment: str, expected: str) -> None:
    shared = load_scripts(shebang=False)["cancel"].text.partition("-- Purpose")[0]
    now_ms = int(datetime.fromisoformat(f"{moment}+00:00").timestamp() * 1000)
    assert desk.redis.eval(f"{shared}\nreturn month_of({now_ms})", 0) == expected


def test_a_spent_budget_refuses_and_says_how_much(desk: Desk) -> None:
    # Given a user with a budget of 800 billionths, and a job that costs 1000
    desk.redis.hset(keys.user("ada"), "budget_nano", 800)
    job_id = running(desk, [])
    assert desk.try_submit()[0] == "created"
    finish(desk, job_id, [1, 2])
    # Then nothing more is accepted this month, and the answer says both amounts
    refused = desk.try_submit()
    assert (refused[0], refused[4:6]) == ("budget_spent", [1000, 800])
    assert desk.try_submit(user="bob")[0] == "created"
    # And a replay is still answered
    desk.redis.hset(keys.user("ada"), "budget_nano", 10_000)
    made = desk.try_submit(idempotency="idem:k")
    desk.redis.hset(keys.user("ada"), "budget_nano", 1)
    assert desk.try_submit(idempotency="idem:k")[:2] == ["replayed", made[1]]


def test_the_users_own_limits_win(desk: Desk) -> None:
    desk.redis.hset(keys.user("ada"), mapping={"rate_limit_per_minute": 3, "max_jobs": 2})
    answers = [desk.try_submit(rate_limit=1, user_limit=1) for _ in range(4)]
    assert [answer[0] for answer in answers] == ["created", "created", "user_full", "rate_limited"]
    assert {answer[6] for answer in answers} == {3}


def test_a_disabled_user_submits_nothing(desk: Desk) -> None:
    desk.redis.hset(keys.user("ada"), "disabled", 1)
    assert desk.try_submit()[0] == "disabled"


def test_the_lines_of_a_batch_fail_once_the_budget_is_spent(desk: Desk) -> None:
    # Given a batch of two lines, and a budget that is spent after the first was fed
    desk.scripts("batch_lease", "feeder", 60_000)
    desk.redis.hset(keys.user("ada"), "budget_nano", 800)
    fields = ("kind", "generate", "api", "", "endpoint", "/generate", "priority", "low")
    files = ("input_file_id", "i", "output_file_id", "o", "error_file_id", "e")
    limits = (10, 1000, 0, 86_400_000)
    desk.scripts("batch_admit", "batch_1", "ada", "", "d", *limits, *fields, *files)
    desk.scripts("batch_begin", "batch_1", "feeder", 2, 0, 1000)
    desk.scripts("batch_feed", "batch_1", "feeder", 0, 100, line(desk, 0))
    finish(desk, running(desk, []), [1, 2])
    # When the second is fed
    desk.scripts("batch_feed", "batch_1", "feeder", 1, 200, line(desk, 1))
    # Then the first waits for its slot, and the second failed for want of money
    assert desk.read("batch_1_0").status == "queued"
    second = desk.read("batch_1_1")
    assert (second.status, second.error and second.error.code) == ("failed", "budget")


def line(desk: Desk, number: int) -> str:
    """A line as the feeder hands it over."""
    work = Work(Prompt(text="hello "), Sampling()).to_json()
    record = ["v", "1", "kind", "generate", "work", work, "prompt_tokens", "6", "custom_id", "c"]
    record += ["timeout_ms", "60000", "result_ttl_ms", "60000"]
    way = {"priority": "low", "queue_ttl_ms": 60_000, "deadline_ms": 0}
    return json.dumps({**way, "fields": record})
