"""The lifecycle, script by script, on a real server."""

from typing import Any

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from common.job import JobStatus
from common.queues import Priority
from tests.support.desk import Desk


@pytest.fixture
def desk(redis_client: Redis) -> Desk:
    desk = Desk(redis_client)
    desk.rescue()  # leaves a fresh tick: leases are trusted
    return desk


def state_of(desk: Desk, job_id: str) -> dict[str, Any]:
    """Where the job is listed, beside its record."""
    redis = desk.redis
    return {
        "status": desk.read(job_id).status.value,
        "waits": redis.zscore("wait:normal", job_id) is not None,
        "leased": redis.zscore("leases", job_id) is not None,
        "due": redis.zscore("deadlines", job_id) is not None,
        "active": bool(redis.sismember("active:ada", job_id)),
    }


def ended(status: str) -> dict[str, Any]:
    return {"status": status, "waits": False, "leased": False, "due": False, "active": False}


def test_a_submitted_job_waits_with_a_doorbell(desk: Desk) -> None:
    # When a job is submitted
    job_id = desk.submit()
    # Then it waits, and one bell rings for it
    assert state_of(desk, job_id) == {
        "status": "queued",
        "waits": True,
        "leased": False,
        "due": True,
        "active": True,
    }
    assert desk.redis.llen("q.normal") == 1


def test_a_repeated_submit_makes_one_job_and_one_doorbell(desk: Desk) -> None:
    # Given a submit whose answer was lost
    job_id = desk.submit()
    # When redis-py sends it again
    answer = desk.try_submit(job_id)
    # Then it names the same job, and nothing was doubled
    assert answer[:2] == ["replayed", job_id]
    assert desk.redis.llen("q.normal") == 1


def test_an_idempotency_key_stands_for_one_job_and_one_body(desk: Desk) -> None:
    # Given a job with a key
    job_id = desk.submit(idempotency="idem:k", digest="a")
    # Then the same body gets it again, and another body is refused
    assert desk.try_submit(idempotency="idem:k", digest="a")[:2] == ["replayed", job_id]
    assert desk.try_submit(idempotency="idem:k", digest="b")[:2] == ["mismatch", job_id]
    assert desk.redis.zcard("wait:normal") == 1


def test_an_idempotency_key_lives_as_long_as_its_job(desk: Desk) -> None:
    # Given a key whose job has not ended
    job_id = desk.submit(idempotency="idem:k")
    assert desk.redis.pttl("idem:k") == -1
    # When the job ends
    desk.claim(job_id)
    desk.finish(job_id, 0, [1])
    # Then the key has a day left, counted from the submit
    assert 23.9 * 3_600_000 < desk.redis.pttl("idem:k") <= 24 * 3_600_000


def test_a_full_queue_sheds_low_before_urgent(desk: Desk) -> None:
    # Given two waiting jobs
    desk.submit()
    desk.submit(user="bob")
    # Then a class that may see two is full, and one that may see three is not
    assert desk.try_submit(class_limit=2)[0] == "queue_full"
    assert desk.try_submit(class_limit=3, priority=Priority.URGENT)[0] == "created"


def test_a_user_may_have_only_so_many_unfinished_jobs(desk: Desk) -> None:
    # Given a user with one unfinished job
    job_id = desk.submit(user_limit=1)
    assert desk.try_submit(user_limit=1)[0] == "user_full"
    # When it ends
    desk.scripts("cancel", job_id, "ada", "n")
    # Then there is room
    assert desk.try_submit(user_limit=1)[0] == "created"


def test_never_more_requests_than_allowed_in_a_minute(desk: Desk) -> None:
    answers = [desk.try_submit(rate_limit=3)[0] for _ in range(5)]
    assert answers == ["created"] * 3 + ["rate_limited"] * 2


def test_a_token_from_before_the_revocation_is_refused(desk: Desk) -> None:
    desk.redis.set("revoked:ada", 1000)
    assert desk.try_submit(issued_at=999)[0] == "revoked"
    assert desk.try_submit(issued_at=1000)[0] == "created"


def test_one_doorbell_claims_and_the_second_finds_nothing(desk: Desk) -> None:
    # Given a queued job
    job_id = desk.submit()
    # When two workers answer, one of them twice because its answer was lost
    first, again = desk.claim(job_id, "a"), desk.claim(job_id, "a")
    second = desk.claim(job_id, "b")
    # Then one has it, and its second answer is its first
    assert first[0] == again[0] == "claimed"
    assert first[1] == again[1]
    assert second == ["drop", "in_progress"]
    assert desk.read(job_id).attempts == 1


def test_nobody_writes_without_the_current_token(desk: Desk) -> None:
    # Given a job that was rescued from one worker and claimed by another
    job_id = desk.submit()
    desk.claim(job_id, "old")
    desk.let_lease_run_out(job_id)
    desk.rescue()
    desk.claim(job_id, "new")
    # Then the first can do nothing any more
    assert desk.append(job_id, 0, [1], "old") == ["lost", 0]
    assert desk.finish(job_id, 0, [1], "old") == ["lost", 0]
    assert desk.release(job_id, "old") == ["lost", 0]
    assert desk.scripts("beat", "w", 15000, 60, 1, job_id, "old") == ["lost"]
    # And the second can
    assert desk.finish(job_id, 0, [1], "new") == ["ok", 1]


def test_a_repeated_append_stores_its_tokens_once(desk: Desk) -> None:
    # Given a running job
    job_id = desk.submit()
    desk.claim(job_id)
    # When a chunk is sent twice, and one comes too early
    assert desk.append(job_id, 0, [1, 2]) == ["ok", 2]
    assert desk.append(job_id, 0, [1, 2]) == ["ok", 2]
    assert desk.append(job_id, 5, [9]) == ["ok", 2]
    # Then the caller knows where to go on, and the record holds each token once
    assert desk.append(job_id, 2, [3]) == ["ok", 3]
    desk.finish(job_id, 3, [])
    job = desk.read(job_id)
    assert (job.text, job.tokens, job.logprob_sum, job.decode_ms) == ("bcd", 3, -1.5, 20)


def test_an_ended_record_knows_every_token_id(desk: Desk) -> None:
    # Given ids from one end of a vocabulary to the other
    ids = [0, 1, 63, 64, 4095, 4096, 49_151, 128_255, 2**18 - 1]
    job_id = desk.submit()
    desk.claim(job_id)
    desk.finish(job_id, 0, ids)
    assert list(desk.read(job_id).token_ids) == ids


def test_finish_takes_the_last_tokens_with_it_and_may_be_repeated(desk: Desk) -> None:
    # Given a running job with two tokens
    job_id = desk.submit()
    desk.claim(job_id)
    desk.append(job_id, 0, [0, 1])
    # When finish comes with a gap, then right, then again
    assert desk.finish(job_id, 3, [3]) == ["resend", 2]
    assert desk.finish(job_id, 2, [2, 3]) == ["ok", 4]
    assert desk.finish(job_id, 2, [2, 3]) == ["ok", 4]
    # Then the record holds everything once, and knows what each token released
    job = desk.read(job_id)
    assert state_of(desk, job_id) == ended("completed")
    assert (job.text, job.text_after(3)) == ("abcd", "d")


def test_a_terminal_state_never_changes(desk: Desk) -> None:
    # Given a job that completed
    job_id = desk.submit()
    desk.claim(job_id)
    desk.finish(job_id, 0, [1])
    before = desk.redis.hgetall(f"job:{job_id}")
    # When everybody tries
    desk.redis.zadd("deadlines", {job_id: 1})
    desk.redis.zadd("leases", {job_id: 1})
    assert desk.scripts("cancel", job_id, "ada", "n") == ["ended", "completed"]
    assert desk.claim(job_id, "other") == ["drop", "completed"]
    assert desk.scripts("expire", 0, 100) == []
    assert desk.rescue() == []
    # Then the record is what it was
    assert desk.redis.hgetall(f"job:{job_id}") == before


@pytest.mark.parametrize("claimed", [False, True])
def test_a_cancel_ends_a_job_in_every_state_and_voids_its_token(desk: Desk, claimed: bool) -> None:
    # Given a job, waiting or running with some text
    job_id = desk.submit()
    if claimed:
        desk.claim(job_id)
        desk.append(job_id, 0, [0, 1])
    # When it is cancelled, twice because the answer was lost
    assert desk.scripts("cancel", job_id, "ada", "n") == ["ok"]
    assert desk.scripts("cancel", job_id, "ada", "n") == ["ok"]
    # Then it has ended, with the text so far, and the worker writes nothing more
    assert state_of(desk, job_id) == ended("cancelled")
    assert desk.read(job_id).text == ("ab" if claimed else "")
    assert desk.append(job_id, 2, [2]) == ["lost", 0]
    assert desk.scripts("cancel", job_id, "ada", "another") == ["ended", "cancelled"]


def test_somebody_elses_job_is_unknown(desk: Desk) -> None:
    job_id = desk.submit()
    assert desk.scripts("cancel", job_id, "eve", "n") == ["unknown"]
    assert desk.read(job_id).status is JobStatus.QUEUED


def test_a_rescued_job_keeps_its_age_and_its_tokens(desk: Desk) -> None:
    # Given a job whose worker dies after two tokens
    job_id = desk.submit()
    age = desk.redis.zscore("wait:normal", job_id)
    desk.claim(job_id)
    desk.append(job_id, 0, [4, 5])
    desk.let_lease_run_out(job_id)
    # When it is rescued and claimed again
    assert desk.rescue() == [["requeued", job_id, "normal"]]
    assert desk.redis.zscore("wait:normal", job_id) == age
    answer = desk.claim(job_id, "second")
    # Then the tokens go with it
    assert answer[2] == "4,5"
    assert desk.append(job_id, 2, [6], "second") == ["ok", 3]


def test_only_deaths_without_progress_are_held_against_a_job(desk: Desk) -> None:
    # Given a job that makes a token before each of five deaths
    job_id = desk.submit()
    for n in range(5):
        desk.claim(job_id, f"t{n}")
        desk.append(job_id, n, [n], f"t{n}")
        desk.let_lease_run_out(job_id)
        assert desk.rescue() == [["requeued", job_id, "normal"]]
    # When it dies three times without one
    for n in range(2):
        desk.claim(job_id, f"u{n}")
        desk.let_lease_run_out(job_id)
        assert desk.rescue() == [["requeued", job_id, "normal"]]
    desk.claim(job_id, "last")
    desk.let_lease_run_out(job_id)
    # Then it is given up, with its text
    assert desk.rescue() == [["dead", job_id, "normal"]]
    job = desk.read(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error.code, job.text) == ("worker_lost", "abcde")
    assert desk.redis.zscore("dead", job_id) is not None


def test_a_job_whose_engine_failed_is_a_suspect(desk: Desk) -> None:
    # Given a job that was released with a failure
    job_id = desk.submit()
    desk.claim(job_id)
    desk.scripts("release", job_id, "token", 0, 1)
    # Then it runs alone or not at all, so that it cannot fail its neighbours again
    assert desk.claim(job_id, "busy", alone=False) == ["suspect"]
    assert desk.claim(job_id, "free", alone=True)[0] == "claimed"


def test_a_suspect_is_claimed_only_by_a_worker_that_holds_nothing_else(desk: Desk) -> None:
    # Given a job whose worker died before its first token
    job_id = desk.submit()
    desk.claim(job_id)
    desk.let_lease_run_out(job_id)
    desk.rescue()
    # Then it runs alone or not at all
    assert desk.claim(job_id, "busy", alone=False) == ["suspect"]
    assert desk.read(job_id).status is JobStatus.QUEUED
    assert desk.claim(job_id, "free", alone=True)[0] == "claimed"


def test_after_a_gap_no_lease_is_taken(desk: Desk) -> None:
    # Given a lease that ran out while nobody swept for a minute
    job_id = desk.submit()
    desk.claim(job_id)
    desk.let_lease_run_out(job_id)
    desk.redis.set("tick", int(desk.redis.get("tick") or 0) - 60_000)
    # When the sweep comes back
    assert desk.rescue() == []
    # Then the living worker still has its job
    assert desk.append(job_id, 0, [1]) == ["ok", 1]


def test_a_worker_known_to_be_dead_is_rescued_at_once(desk: Desk) -> None:
    # Given the jobs of two workers
    mine, other = desk.submit(), desk.submit()
    desk.claim(mine, worker="dead")
    desk.claim(other, worker="alive")
    # When one is reported dead
    assert desk.rescue(worker="dead") == [["requeued", mine, "normal"]]
    # Then the other goes on
    assert desk.append(other, 0, [1]) == ["ok", 1]


def test_a_released_job_goes_to_the_front(desk: Desk) -> None:
    # Given a running job, and another that waits
    running = desk.submit()
    desk.redis.delete("q.normal")
    desk.submit()
    desk.claim(running)
    # When it is given back
    assert desk.release(running) == ["ok", 0]
    # Then its bell is the next to be answered
    assert running in (desk.redis.lindex("q.normal", -1) or "")
    assert desk.read(running).kills == 0


def test_a_delayed_job_cannot_be_claimed_before_its_time(desk: Desk) -> None:
    # Given a job that is to wait a minute before its next attempt
    job_id = desk.submit()
    desk.claim(job_id)
    desk.release(job_id, delay_ms=60_000)
    # Then nobody gets it, and nobody rings
    assert desk.claim(job_id, "early") == ["drop", "not due"]
    desk.redis.delete("q.normal")
    assert desk.scripts("orphans", "normal", 100) == []


def test_a_lost_doorbell_is_found_and_rung_at_the_front(desk: Desk) -> None:
    # Given three waiting jobs, the bell of the first lost a while ago, and the next one's there
    jobs = [desk.submit() for _ in range(3)]
    desk.redis.delete("q.normal")
    assert desk.scripts("orphans", "normal", 100) == []
    assert desk.rung() == [jobs[1]]
    desk.let_bell_run_out(jobs[0])
    # Then the first is rung for again, and comes next
    assert desk.scripts("orphans", "normal", 100) == [jobs[0]]
    assert desk.rung() == [jobs[0], jobs[1]]
    # And a bell that still stands in the queue is not doubled
    desk.let_bell_run_out(jobs[0])
    assert desk.scripts("orphans", "normal", 100) == []
    assert desk.rung() == [jobs[0], jobs[1]]


def test_a_queue_that_was_deleted_is_filled_again(desk: Desk) -> None:
    # Given waiting jobs whose bells and turns are lost altogether
    jobs = [desk.submit() for _ in range(3)]
    desk.redis.delete("q.normal", *desk.redis.keys("fair:*"))
    # When maintenance looks
    desk.scripts("orphans", "normal", 100)
    # Then they are served in their order
    for job_id in jobs:
        assert desk.rung() == [job_id]
        desk.redis.rpop("q.normal")
        assert desk.claim(job_id, job_id)[0] == "claimed"


def test_a_job_of_an_older_version_is_found_and_served(desk: Desk) -> None:
    # Given a job that an older gateway accepted: it stands in no row, and its bell is lost
    job_id = desk.submit()
    desk.redis.delete("q.normal", *desk.redis.keys("fair:*"))
    desk.redis.hdel(f"job:{job_id}", "weight", "tag", "charged", "rings")
    # When maintenance looks
    desk.scripts("orphans", "normal", 100)
    # Then it is rung for, runs and ends as any other
    assert desk.rung() == [job_id]
    assert desk.claim(job_id)[0] == "claimed"
    assert desk.finish(job_id, 0, [1]) == ["ok", 1]


def test_a_bell_of_an_older_version_claims(desk: Desk) -> None:
    # Given a job that waits behind another, and an older version's bell for it
    desk.submit()
    job_id = desk.submit()
    # When that is answered
    assert desk.claim(job_id)[0] == "claimed"
    # Then nobody rings for it again
    assert not desk.redis.exists("fair:normal:of:ada")
    assert desk.redis.zscore("fair:normal:bells", job_id) is None


@pytest.mark.parametrize(
    ("claimed", "deadline_ms", "status", "code"),
    [
        (False, 0, "expired", "queue_ttl"),
        (False, 1, "expired", "deadline"),
        (True, 0, "failed", "timeout"),
        (True, 1, "expired", "deadline"),
    ],
)
def test_a_job_whose_time_is_over_ends_whatever_its_lease(
    desk: Desk, claimed: bool, deadline_ms: int, status: str, code: str
) -> None:
    # Given a job past its time
    job_id = desk.submit(deadline_ms=60_000 if deadline_ms else 0)
    if claimed:
        desk.claim(job_id)
    if deadline_ms:
        desk.redis.hset(f"job:{job_id}", "deadline_ms", deadline_ms)
    desk.redis.zadd("deadlines", {job_id: 1})
    # When the sweep finds it
    assert desk.scripts("expire", 5000, 100) == [job_id]
    # Then it has ended, with the reason
    job = desk.read(job_id)
    assert state_of(desk, job_id) == ended(status)
    assert job.error is not None
    assert job.error.code == code


def test_a_running_job_gets_a_grace_to_end_by_itself(desk: Desk) -> None:
    # Given a running job whose time ended a second ago
    job_id = desk.submit()
    desk.claim(job_id)
    seconds, micros = desk.redis.time()
    desk.redis.zadd("deadlines", {job_id: seconds * 1000 + micros // 1000 - 1000})
    # Then the sweep leaves it for four seconds more
    assert desk.scripts("expire", 5000, 100) == []
    assert desk.scripts("expire", 500, 100) == [job_id]


def test_timeouts_count_run_time_over_all_attempts(desk: Desk) -> None:
    # Given a job that has run for 40 of its 60 seconds
    job_id = desk.submit(timeout_ms=60_000)
    desk.claim(job_id)
    desk.redis.hincrby(f"job:{job_id}", "claimed_ms", -40_000)
    desk.release(job_id)
    # When it is claimed again
    left = int(desk.claim(job_id, "second")[3])
    # Then 20 are left
    assert 19_000 < left <= 20_000


def test_scripts_that_end_jobs_run_when_memory_is_full(desk: Desk) -> None:
    # Given running jobs and a server without memory
    finished, released, cancelled = (desk.submit() for _ in range(3))
    for job_id in (finished, released, cancelled):
        desk.claim(job_id)
    desk.redis.config_set("maxmemory", 1)
    try:
        # Then no new job is accepted
        with pytest.raises(OutOfMemoryError):
            desk.try_submit()
        # And every accepted one can still end
        assert desk.append(finished, 0, [1]) == ["ok", 1]
        assert desk.finish(finished, 1, [2]) == ["ok", 2]
        assert desk.release(released) == ["ok", 0]
        assert desk.scripts("cancel", cancelled, "ada", "n") == ["ok"]
        assert desk.rescue() == []
    finally:
        desk.redis.config_set("maxmemory", 0)


def test_a_record_leaves_a_tombstone(desk: Desk) -> None:
    # Given a finished job whose record has expired
    job_id = desk.submit()
    desk.claim(job_id)
    desk.finish(job_id, 0, [1])
    desk.redis.delete(f"job:{job_id}")
    # Then its owner is still known
    record, *_, owner = desk.scripts("read", job_id)
    assert (record, owner) == ([], "ada")


def test_a_place_in_the_queue_counts_the_higher_classes(desk: Desk) -> None:
    desk.submit(priority=Priority.URGENT)
    desk.submit(priority=Priority.LOW)
    desk.submit("job_1")
    desk.submit("job_2")
    assert desk.scripts("read", "job_2")[1] == 2


def with_worker(desk: Desk, slots: int) -> None:
    desk.scripts("beat", "w", 15000, 60, 0, "state", "ready", "slots", slots)


def test_an_urgent_job_asks_for_the_slot_of_the_youngest_low_one(desk: Desk) -> None:
    # Given two slots, both with low jobs
    with_worker(desk, 2)
    older, younger = (desk.submit(name, priority=Priority.LOW) for name in ("job_a", "job_b"))
    desk.claim(older, "first")
    desk.claim(younger, "second")
    desk.redis.hincrby(f"job:{older}", "claimed_ms", -1000)
    assert desk.scripts("preempt") == []
    # When an urgent job waits
    desk.submit(priority=Priority.URGENT)
    # Then one slot is asked for, once
    assert desk.scripts("preempt") == [younger]
    assert desk.scripts("preempt") == []
    # And a second urgent job asks for the other
    desk.submit(priority=Priority.HIGH)
    assert desk.scripts("preempt") == [older]


def test_nobody_is_asked_to_go_while_a_slot_is_free(desk: Desk) -> None:
    with_worker(desk, 3)
    low = desk.submit(priority=Priority.LOW)
    desk.claim(low)
    desk.submit(priority=Priority.URGENT)
    desk.submit(priority=Priority.URGENT)
    assert desk.scripts("preempt") == []


@pytest.mark.parametrize("priority", [Priority.NORMAL, Priority.HIGH, Priority.URGENT])
def test_only_low_jobs_are_asked_to_go(desk: Desk, priority: Priority) -> None:
    with_worker(desk, 1)
    desk.claim(desk.submit(priority=priority))
    desk.submit(priority=Priority.URGENT)
    assert desk.scripts("preempt") == []


def test_a_deadline_that_the_pace_cannot_meet_is_refused_with_the_estimate(desk: Desk) -> None:
    # Given one slot, taken, that needs ten seconds a job, and a job that waits
    with_worker(desk, 1)
    desk.redis.hset("pace", "mean_ms", 10_000)
    desk.claim(desk.submit())
    desk.submit()
    # Then a job that must be done in 15 s is refused, and one that has 25 s is not
    refused = desk.try_submit(deadline_ms=15_000)
    assert (refused[0], refused[4:6]) == ("deadline_unmeetable", [20_000, 15_000])
    assert desk.try_submit(deadline_ms=25_000)[0] == "created"
    # And an urgent one does not wait behind the others
    assert desk.try_submit(deadline_ms=15_000, priority=Priority.URGENT)[0] == "created"


def test_no_deadline_is_refused_while_the_pace_is_unknown(desk: Desk) -> None:
    desk.submit()
    assert desk.try_submit(deadline_ms=1)[0] == "created"


def test_a_dead_letter_is_redriven_as_a_new_job_once(desk: Desk) -> None:
    # Given a job that was given up
    dead = desk.submit(prompt="again ")
    desk.claim(dead)
    desk.scripts("finish", dead, "token", 0, 0, "", "", "", 0, 0, "", "failed")
    redrive = ("redrive", dead, "job_new", "normal", 60_000, 30_000)
    # When it is redriven, twice because the answer was lost
    assert desk.scripts(*redrive) == ["created", "job_new"]
    assert desk.scripts(*redrive) == ["created", "job_new"]
    # Then a new job does the same work, and the old one is no dead letter any more
    new = desk.read("job_new")
    assert (new.status, new.work, new.user) == ("queued", desk.read(dead).work, "ada")
    assert desk.redis.llen("q.normal") == 2
    assert desk.redis.zcard("dead") == 0
    assert desk.claim("job_new", "t")[0] == "claimed"
    # And another redrive of the old one finds nothing
    assert desk.scripts("redrive", dead, "job_x", "normal", 60_000, 30_000) == ["unknown"]


def test_jobs_of_the_same_millisecond_keep_their_order(desk: Desk) -> None:
    # Given many jobs in quick succession
    jobs = [desk.submit() for _ in range(50)]
    # Then each stands behind those that came before it
    assert [desk.scripts("read", job_id)[1] for job_id in jobs] == list(range(50))
