"""A call that was cut, and its retry: one script decides which job it gets, on a real server."""

from typing import Any

import pytest
from redis import Redis

from common import keys
from common.job import JobStatus
from tests.support.desk import Desk

ALIVE = "gateway1"
GRACE_MS = 3000


@pytest.fixture
def desk(redis_client: Redis) -> Desk:
    redis_client.set(keys.gateway(ALIVE), "1")
    return Desk(redis_client)


def call(desk: Desk, name: str, retry: int = 0, **changes: Any) -> str:
    """The job that this try of the call ``asked`` gets; ``name`` is its waiter."""
    more = {
        "call": changes.pop("call", "asked"),
        "waiter": f"{changes.pop('gateway', ALIVE)}/{name}",
        "retry": retry,
        "on_disconnect": changes.pop("on_disconnect", "cancel"),
    }
    word, job_id, *_ = desk.try_submit(more=more, **changes)
    assert word in ("created", "replayed")
    return str(job_id)


def leave(desk: Desk, job_id: str, name: str, how: str = "left") -> int:
    left: int = desk.scripts("leave", job_id, f"{ALIVE}/{name}", how, GRACE_MS)
    return left


def time_passes(desk: Desk) -> None:
    """Let every look that was put off be due."""
    for job_id in desk.redis.zrange(keys.WAITED, 0, -1):
        desk.redis.zadd(keys.WAITED, {str(job_id): 1})


def sweep(desk: Desk) -> list[str]:
    cancelled: list[str] = desk.scripts("abandon", GRACE_MS, 100)
    return cancelled


def test_a_retry_gets_the_job_whose_client_left(desk: Desk) -> None:
    first = call(desk, "a")
    leave(desk, first, "a")

    assert call(desk, "b", retry=1) == first
    assert desk.redis.scard("active:ada") == 1


def test_ten_equal_calls_that_are_all_cut_get_ten_jobs_back(desk: Desk) -> None:
    # Given ten equal calls at once, all of them cut
    jobs = [call(desk, f"first{n}") for n in range(10)]
    for n, job_id in enumerate(jobs):
        leave(desk, job_id, f"first{n}")
    # When all are tried again, then each finds one of the jobs, and no two the same
    retried = [call(desk, f"second{n}", retry=1) for n in range(10)]
    assert sorted(retried) == sorted(jobs)
    # And one more has to make its own
    assert call(desk, "stranger", retry=1) not in jobs


def test_a_retry_never_gets_a_job_that_somebody_waits_for(desk: Desk) -> None:
    waited_for = call(desk, "a")

    assert call(desk, "b", retry=1) != waited_for


def test_a_first_try_adopts_nothing(desk: Desk) -> None:
    orphan = call(desk, "a")
    leave(desk, orphan, "a")

    assert call(desk, "b", retry=0) != orphan


@pytest.mark.parametrize("other", [{"call": "other"}, {"call": ""}])
def test_a_retry_of_another_call_adopts_nothing(desk: Desk, other: dict[str, str]) -> None:
    orphan = call(desk, "a")
    leave(desk, orphan, "a")

    assert call(desk, "b", retry=1, **other) != orphan


def test_each_try_adopts_a_job_at_most_once(desk: Desk) -> None:
    # Given a job that the second try took over, and that was cut again
    job_id = call(desk, "a")
    leave(desk, job_id, "a")
    call(desk, "b", retry=1)
    leave(desk, job_id, "b")
    # When another second try comes, then it is a stranger's; the third try is not
    assert call(desk, "c", retry=1) != job_id
    assert call(desk, "d", retry=2) == job_id


def test_an_adoption_whose_answer_was_lost_is_repeated(desk: Desk) -> None:
    # Given two orphans of one call
    orphans = [call(desk, name) for name in "ab"]
    for job_id, name in zip(orphans, "ab", strict=True):
        leave(desk, job_id, name)
    # When redis-py sends the retry's submit twice, then both get the same
    assert call(desk, "again", retry=1) == call(desk, "again", retry=1) == orphans[1]


def test_what_was_left_long_ago_is_nobodys_retry(desk: Desk) -> None:
    # Given an orphan that goes on by itself, left longer ago than any client waits
    job_id = call(desk, "a", on_disconnect="continue")
    leave(desk, job_id, "a")
    desk.redis.hincrby(keys.job(job_id), "left_ms", -121_000)

    assert call(desk, "b", retry=1) != job_id


def test_an_orphan_that_completed_is_adopted_with_its_answer(desk: Desk) -> None:
    job_id = call(desk, "a")
    leave(desk, job_id, "a")
    desk.claim(job_id)
    desk.finish(job_id, 0, [1, 2])

    assert call(desk, "b", retry=1) == job_id


@pytest.mark.parametrize("how", ["answered", "cancelled", "erased"])
def test_what_needs_no_retry_is_not_adopted(desk: Desk, how: str) -> None:
    job_id = call(desk, "a")
    if how == "answered":
        leave(desk, job_id, "a", "answered")
    else:
        leave(desk, job_id, "a")
        desk.scripts("cancel", job_id, "ada", "nonce")
    if how == "erased":
        desk.scripts("erase", job_id, "ada")

    assert call(desk, "b", retry=1) != job_id


def test_a_retry_gets_the_job_of_a_gateway_that_died(desk: Desk) -> None:
    orphan = call(desk, "a", gateway="dead")

    assert call(desk, "b", retry=1) == orphan


def test_a_job_that_nobody_comes_back_for_is_cancelled(desk: Desk) -> None:
    # Given a job whose client left
    job_id = call(desk, "a")
    leave(desk, job_id, "a")
    assert sweep(desk) == []
    # When the time for a retry is over
    time_passes(desk)
    # Then it ends, once
    assert sweep(desk) == [job_id]
    assert desk.read(job_id).status is JobStatus.CANCELLED
    assert sweep(desk) == []


def test_a_job_that_was_adopted_goes_on(desk: Desk) -> None:
    job_id = call(desk, "a")
    leave(desk, job_id, "a")
    call(desk, "b", retry=1)

    for _ in range(3):
        time_passes(desk)
        assert sweep(desk) == []
    assert leave(desk, job_id, "a") == 0  # the first client has no say any more


def test_a_job_that_wants_to_go_on_without_its_client_does(desk: Desk) -> None:
    job_id = call(desk, "a", on_disconnect="continue")
    leave(desk, job_id, "a")
    time_passes(desk)

    assert sweep(desk) == []
    assert call(desk, "b", retry=1, on_disconnect="continue") == job_id


def test_the_clients_of_a_dead_gateway_get_time_to_come_back(desk: Desk) -> None:
    job_id = call(desk, "a", gateway="dead")
    time_passes(desk)
    assert sweep(desk) == []  # noticed, and given time
    time_passes(desk)

    assert sweep(desk) == [job_id]


def test_a_replayed_key_makes_the_new_client_the_one_who_waits(desk: Desk) -> None:
    # Given a keyed call that was cut
    job_id = call(desk, "a", call="", idempotency="idem:k")
    leave(desk, job_id, "a")
    # When it is tried again with its key, then it waits for the same job
    assert call(desk, "b", retry=1, call="", idempotency="idem:k") == job_id
    time_passes(desk)
    assert sweep(desk) == []
