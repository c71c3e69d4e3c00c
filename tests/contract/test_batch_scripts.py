"""The life of a batch, script by script, on a real server."""

import pytest
from redis import Redis

from common.job import JobStatus
from common.queues import Priority
from tests.support.desk import HOUR_MS
from tests.support.pen import BATCH, FEEDER, Pen


@pytest.fixture
def pen(redis_client: Redis) -> Pen:
    return Pen(redis_client)


@pytest.fixture
def begun(pen: Pen) -> Pen:
    """A batch of three lines that has begun."""
    pen.admit()
    pen.begin(3)
    return pen


def test_a_batch_is_one_request_of_its_user(pen: Pen) -> None:
    # Given a user who may send one request a minute and have one unfinished batch
    assert pen.admit(rate=1)[0] == "created"
    # When the answer is lost and the request comes again, it is the same batch
    assert pen.admit(rate=1)[:2] == ["created", BATCH]
    # Then another batch is one request too many, or one batch too many
    assert pen.admit("batch_02", rate=1)[0] == "rate_limited"
    assert pen.admit("batch_02", limit=1)[0] == "batches_full"
    assert pen.redis.zrange("batches", 0, -1) == [BATCH]


def test_an_idempotency_key_stands_for_one_batch_and_one_body(pen: Pen) -> None:
    assert pen.admit(idempotency="idem:k")[0] == "created"

    assert pen.admit("batch_02", idempotency="idem:k")[:2] == ["replayed", BATCH]
    assert pen.admit("batch_02", idempotency="idem:k", digest="x")[:2] == ["mismatch", BATCH]


def test_the_backlog_counts_the_lines_that_are_no_jobs_yet(pen: Pen) -> None:
    # Given a batch that begins in two pieces, the first one sent twice
    pen.admit()
    assert [pen.begin(3, 0, 2), pen.begin(3, 0, 2)] == [2, 2]
    assert pen.batch()["status"] == "validating"
    assert pen.begin(3, 2, 2) == 3
    # Then KEDA's ZCARD is what is not fed
    assert pen.batch()["status"] == "in_progress"
    assert pen.redis.zcard("batch:backlog") == 3
    pen.feed(0, [pen.job(0), pen.job(1)])
    assert pen.redis.zcard("batch:backlog") == 1


def test_a_line_enters_the_queue_once_however_often_it_is_fed(begun: Pen) -> None:
    # Given two lines that were fed
    lines = [begun.job(0), begun.job(1)]
    assert begun.feed(0, lines) == [2, "in_progress"]
    before = begun.snapshot()
    # When the answer was lost and they are fed again
    assert begun.feed(0, lines) == [2, "in_progress"]
    # Then nothing was doubled, and cursor and offset moved together
    assert begun.snapshot() == before
    assert (before["waiting"], before["bells"]) == (2, 1)
    assert (before["batch"]["fed"], before["batch"]["offset"]) == ("2", "200")


def test_lines_are_jobs_that_no_limit_of_the_user_counts(begun: Pen) -> None:
    # When lines are fed
    begun.feed(0, [begun.job(0), begun.job(1)])
    # Then each is a job that can be read, and the user may submit as before
    assert begun.desk.read(f"{BATCH}_1").status is JobStatus.QUEUED
    assert begun.redis.scard("active:ada") == 0
    assert begun.desk.try_submit(user_limit=1, rate_limit=2)[0] == "created"


def test_a_line_that_is_not_fed_yet_reads_as_queued_behind_the_others(begun: Pen) -> None:
    # Given a batch of which one line is fed
    begun.feed(0, [begun.job(0)])
    # When the last line is read
    _, ahead, *_ = begun.scripts("read", f"{BATCH}_2")
    # Then it waits behind the one in the backlog; there is no fourth
    assert begun.desk.read(f"{BATCH}_2").status is JobStatus.QUEUED
    assert ahead == 1
    assert begun.scripts("read", f"{BATCH}_3")[0] == []


def test_a_gateway_without_the_lease_moves_nothing(begun: Pen) -> None:
    # Given a gateway that believes that it feeds
    before = begun.snapshot()
    # When another one does
    assert begun.scripts("batch_lease", "other", 1000) == 0
    assert begun.feed(0, [begun.job(0)], "other") == [-1, "in_progress"]
    assert begun.commit(0, 0, "other") == ""
    assert begun.scripts("batch_begin", BATCH, "other", 3, 0, 9) == -1
    assert begun.scripts("batch_refuse", BATCH, "other", "[]") == 0
    # Then nothing has changed
    assert begun.snapshot() == before


def test_the_end_of_a_line_is_counted_once(begun: Pen) -> None:
    # Given a running line
    begun.feed(0, [begun.job(0)])
    begun.run(0)
    # When its worker, whose answer was lost, finishes it again
    begun.desk.finish(f"{BATCH}_0", 0, [1, 2], "t0")
    # Then it stands once in the row of what is to be written, with its tokens
    assert begun.counts() == (1, 0, 0)
    assert begun.redis.lrange(f"batch:{BATCH}:ended", 0, -1) == ["0"]
    assert (begun.batch()["prompt_tokens"], begun.batch()["tokens"]) == ("6", "2")


def test_a_result_is_kept_until_it_is_written(begun: Pen) -> None:
    # Given a line whose result would live for a minute
    begun.feed(0, [begun.job(0, result_ttl_ms=60_000)])
    begun.run(0)
    # Then it lives until it stands in the file, and from then on as long as it should
    assert begun.redis.pttl(f"job:{BATCH}_0") == -1
    assert begun.commit(0, 1) == "in_progress"
    assert 0 < begun.redis.pttl(f"job:{BATCH}_0") <= HOUR_MS


def test_the_last_result_written_ends_the_batch_once(begun: Pen) -> None:
    # Given a batch of which all lines have ended
    begun.feed(0, [begun.job(line) for line in range(3)])
    for line in range(3):
        begun.run(line)
    assert begun.batch()["status"] == "finalizing"
    # When they are written, the last of them twice
    assert begun.commit(0, 2) == "finalizing"
    assert begun.commit(2, 1) == "completed"
    ended = begun.snapshot()
    assert begun.commit(2, 1) == "completed"
    # Then the batch has ended, and its user has room for another
    assert begun.snapshot() == ended
    assert begun.redis.zcard("batches") == begun.redis.zcard("batch:backlog") == 0
    assert begun.redis.scard("batches:ada:open") == 0


def test_a_line_that_is_refused_fails_as_a_job_and_is_no_dead_letter(begun: Pen) -> None:
    begun.feed(0, [begun.job(0), begun.refused()])

    refused = begun.desk.read(f"{BATCH}_1")
    assert refused.status is JobStatus.FAILED
    assert refused.error is not None
    assert refused.error.code == "bad"
    assert begun.counts() == (0, 1, 0)
    assert begun.redis.zcard("dead") == 0


def test_cancel_ends_what_waits_and_runs_and_keeps_what_has_ended(begun: Pen) -> None:
    # Given a batch with a line that has ended, one that runs and one that is not fed
    begun.feed(0, [begun.job(0), begun.job(1)])
    begun.run(0)
    begun.desk.claim(f"{BATCH}_1", "t1")
    # When it is cancelled, twice
    assert begun.stop() == begun.stop() == ["ok"]
    # Then the running line is lost to its worker, and no job is fed any more
    assert begun.desk.finish(f"{BATCH}_1", 0, [1], "t1")[0] == "lost"
    assert begun.feed(2, [begun.job(2)]) == [2, "cancelling"]
    assert begun.counts() == (1, 0, 1)
    # And once the last line is written down, the batch is cancelled
    assert begun.feed(2, [begun.skipped(2)]) == [3, "cancelling"]
    assert begun.commit(0, 3) == "cancelled"
    assert begun.counts() == (1, 0, 2)
    assert begun.stop(nonce="later") == ["ended", "cancelled"]


def test_a_batch_can_be_cancelled_before_its_input_was_looked_at(pen: Pen) -> None:
    pen.admit()
    pen.stop()

    assert pen.begin(3) == -1
    assert pen.commit(0, 0) == "cancelled"


def test_an_expired_batch_counts_what_never_ran_as_failed(begun: Pen) -> None:
    # Given a batch with one line in the queue
    begun.feed(0, [begun.job(0)])
    # When its time is over
    begun.stop("expiring")
    # Then the line has expired, and says why
    line = begun.desk.read(f"{BATCH}_0")
    assert line.status is JobStatus.EXPIRED
    assert line.error is not None
    assert line.error.code == "batch_expired"
    assert begun.counts() == (0, 1, 0)


def test_a_line_that_never_ran_cost_no_tokens(begun: Pen) -> None:
    begun.feed(0, [begun.job(0)])
    begun.stop()

    assert begun.batch().get("prompt_tokens", "0") == "0"


def test_a_refused_batch_has_ended_and_says_why(pen: Pen) -> None:
    pen.admit()
    assert [pen.scripts("batch_refuse", BATCH, FEEDER, '["x"]') for _ in range(2)] == [1, 0]

    assert pen.batch()["status"] == "failed"
    assert pen.redis.zcard("batches") == 0


def test_the_room_is_what_lines_take_of_queue_and_slots(begun: Pen) -> None:
    # Given two waiting jobs, one of them a line, and a line that runs
    begun.feed(0, [begun.job(0), begun.job(1)])
    begun.desk.claim(f"{BATCH}_0", "t0")
    begun.desk.submit()
    # Then they are told apart
    assert begun.scripts("batch_room") == [2, 1, 1, 1, 0, 0]


def test_the_end_of_a_batch_is_told_to_its_users_endpoints(begun: Pen) -> None:
    # Given a user with a registered endpoint
    begun.redis.hset(
        "endpoint:we_1",
        items=["id", "we_1", "user", "ada", "url", "https://example.com", "enabled", "1"],
    )
    begun.redis.hset("endpoint:we_1", items=["events", "", "include_result", "0"])
    begun.redis.zadd("endpoints:ada", {"we_1": 1})
    # When a batch ends
    begun.feed(0, [begun.job(line) for line in range(3)])
    for line in range(3):
        begun.run(line)
    begun.commit(0, 3)
    # Then one delivery tells of it, and none of its lines
    deliveries = begun.redis.zrange("hooks:user:ada", 0, -1)
    told = [begun.redis.hmget(f"hook:{one!s}", "event", "subject") for one in deliveries]
    assert told == [["batch.completed", BATCH]]


def with_worker(pen: Pen, slots: int) -> None:
    pen.scripts("beat", "w", 15000, 60, 0, "state", "ready", "slots", slots)


def test_a_normal_job_gets_the_slot_of_a_line_and_of_no_other_low_job(begun: Pen) -> None:
    # Given two slots, one with a low job and one with an older line
    with_worker(begun, 2)
    begun.feed(0, [begun.job(0)])
    begun.desk.claim(f"{BATCH}_0", "line")
    low = begun.desk.submit(priority=Priority.LOW)
    begun.desk.claim(low, "low")
    # When two normal jobs wait, then only the line is asked to make room
    begun.desk.submit()
    begun.desk.submit()
    assert begun.scripts("preempt") == [f"{BATCH}_0"]
    assert begun.scripts("preempt") == []
    # And when an urgent one waits too, the low job as well
    begun.desk.submit(priority=Priority.URGENT)
    begun.desk.submit(priority=Priority.URGENT)
    assert begun.scripts("preempt") == [low]


def test_a_line_makes_room_eight_times_at_most(begun: Pen) -> None:
    # Given a line on the only slot, and jobs that never stop coming
    with_worker(begun, 1)
    begun.feed(0, [begun.job(0)])
    begun.desk.submit()
    asked = []
    for attempt in range(9):
        begun.desk.claim(f"{BATCH}_0", f"t{attempt}")
        asked.append(begun.scripts("preempt"))
        begun.desk.release(f"{BATCH}_0", f"t{attempt}")
    # Then it goes on in the end
    assert asked == [[f"{BATCH}_0"]] * 8 + [[]]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("disabled", "1", "account_disabled"), ("budget_nano", "0", "budget")],
)
def test_lines_of_a_user_who_may_run_nothing_more_fail_at_once(
    begun: Pen, field: str, value: str, code: str
) -> None:
    # Given a batch with a line in the queue
    begun.feed(0, [begun.job(0)])
    # When its user is disabled, or has spent the budget of the month
    begun.redis.hset("user:ada", field, value)
    begun.feed(1, [begun.job(1), begun.job(2)])
    # Then what was in the queue runs, and the rest fails and says why
    assert begun.redis.zrange("wait:low", 0, -1) == [f"{BATCH}_0"]
    assert begun.counts() == (0, 2, 0)
    error = begun.desk.read(f"{BATCH}_2").error
    assert error is not None
    assert error.code == code
