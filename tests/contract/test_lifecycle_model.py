"""Any sequence of calls, against a model in Python that knows the rules and nothing else.

Hypothesis looks for a sequence after which the server and the model differ.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from common import keys
from tests.support.desk import Desk

UNFINISHED = ("queued", "in_progress")
#: Few jobs, so that each sees many calls.
MAX_JOBS = 2
TOKENS = st.sampled_from(["a", "b", "c"])


@dataclass
class ModelJob:
    """What the rules say about a job."""

    status: str = "queued"
    token: str = ""
    finished_by: str = ""
    ids: list[int] = field(default_factory=list)
    attempts: int = 0
    kills: int = 0
    ids_at_kill: int = 0

    def holds(self, token: str) -> bool:
        return self.status == "in_progress" and self.token == token

    def end(self, status: str) -> None:
        self.status, self.token = status, ""


class Lifecycle(RuleBasedStateMachine):
    """Every script as a rule; ``desk`` is set by the test below."""

    desk: Desk
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.desk.redis.flushall()
        self.desk.rescue()
        self.model: dict[str, ModelJob] = {}

    @precondition(lambda self: len(self.model) < MAX_JOBS)
    @rule(target=jobs)
    def submit(self) -> str:
        job_id = self.desk.submit()
        self.model[job_id] = ModelJob()
        return job_id

    @rule(job_id=jobs, token=TOKENS)
    def claim(self, job_id: str, token: str) -> None:
        job = self.model[job_id]
        fresh = f"{token}{job.attempts}"
        answer = self.desk.claim(job_id, fresh)[0]
        if job.status == "queued":
            job.status, job.token = "in_progress", fresh
            job.attempts += 1
            assert answer == "claimed"
        else:
            assert answer == ("claimed" if job.holds(fresh) else "drop")

    @rule(job_id=jobs, count=st.integers(1, 3), slip=st.integers(-2, 2), stale=st.booleans())
    def append(self, job_id: str, count: int, slip: int, stale: bool) -> None:
        job = self.model[job_id]
        token = "stale" if stale else job.token
        offset = max(0, len(job.ids) + slip)
        ids = list(range(offset, offset + count))
        answer = self.desk.append(job_id, offset, ids, token)
        if not job.holds(token):
            assert answer == ["lost", 0]
            return
        if offset == len(job.ids):
            job.ids += ids
        assert answer == ["ok", len(job.ids)]

    @rule(job_id=jobs, count=st.integers(0, 2), again=st.booleans(), stale=st.booleans())
    def finish(self, job_id: str, count: int, again: bool, stale: bool) -> None:
        job = self.model[job_id]
        token = "stale" if stale else job.token or "none"
        offset = len(job.ids)
        ids = list(range(offset, offset + count))
        answer = self.desk.finish(job_id, offset, ids, token)
        if not job.holds(token):
            assert answer == ["lost", 0]
            return
        job.ids += ids
        job.end("completed")
        assert answer == ["ok", len(job.ids)]
        if again:
            assert self.desk.finish(job_id, offset, ids, token) == answer

    @rule(job_id=jobs)
    def release(self, job_id: str) -> None:
        job = self.model[job_id]
        held = bool(job.token)
        answer = self.desk.release(job_id, job.token or "none")
        assert answer == (["ok", 0] if held else ["lost", 0])
        if held:
            job.end("queued")

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        job = self.model[job_id]
        answer = self.desk.scripts("cancel", job_id, "ada", "nonce")
        if job.status in UNFINISHED:
            job.end("cancelled")
            assert answer == ["ok"]
        else:
            assert answer == (["ok"] if job.status == "cancelled" else ["ended", job.status])

    @rule(job_id=jobs)
    def worker_dies(self, job_id: str) -> None:
        job = self.model[job_id]
        if job.status != "in_progress":
            return
        self.desk.let_lease_run_out(job_id)
        outcome = self.desk.rescue()[0][0]
        if len(job.ids) == job.ids_at_kill:
            job.kills += 1
        job.ids_at_kill = len(job.ids)
        job.end("failed" if job.kills >= 3 else "queued")
        assert outcome == ("dead" if job.kills >= 3 else "requeued")

    @rule(job_id=jobs)
    def time_runs_out(self, job_id: str) -> None:
        job = self.model[job_id]
        if job.status not in UNFINISHED:
            return
        self.desk.redis.zadd("deadlines", {job_id: 1})
        assert self.desk.scripts("expire", 5000, 100) == [job_id]
        job.end("expired" if job.status == "queued" else "failed")

    @invariant()
    def records_are_what_the_rules_say(self) -> None:
        for job_id, job in self.model.items():
            real = self.desk.read(job_id)
            assert (real.status, real.attempts, real.kills) == (
                job.status,
                job.attempts,
                job.kills,
            )
            assert real.tokens == len(job.ids)

    @invariant()
    def every_list_holds_the_jobs_of_its_state(self) -> None:
        redis = self.desk.redis
        by_status = {
            status: {i for i, job in self.model.items() if job.status == status}
            for status in ("queued", "in_progress", "failed")
        }
        unfinished = by_status["queued"] | by_status["in_progress"]
        assert set(redis.zrange("wait:normal", 0, -1)) == by_status["queued"]
        assert set(redis.zrange("leases", 0, -1)) == by_status["in_progress"]
        assert set(redis.zrange("dead", 0, -1)) == by_status["failed"]
        assert set(redis.zrange("deadlines", 0, -1)) == unfinished
        assert set(redis.smembers("active:ada")) == unfinished

    @rule(job_id=jobs)
    def bell_is_lost(self, job_id: str) -> None:
        self.desk.redis.delete("q.normal")
        self.desk.let_bell_run_out(job_id)
        self.desk.scripts("orphans", "normal", 100)

    @invariant()
    def who_waits_stands_in_a_row_or_is_rung_for(self) -> None:
        redis = self.desk.redis
        queued = {job_id for job_id, job in self.model.items() if job.status == "queued"}
        row = set(redis.zrange(keys.row("normal", "ada"), 0, -1))
        bells = set(redis.zrange(keys.bells("normal"), 0, -1))
        assert row | bells == queued
        assert not row & bells
        assert redis.zrange(keys.fair("normal"), 0, -1) == (["ada"] if row else [])
        assert not row or bells

    @invariant()
    def an_ended_record_holds_exactly_what_was_appended(self) -> None:
        for job_id, job in self.model.items():
            if job.status not in UNFINISHED:
                assert list(self.desk.read(job_id).token_ids) == job.ids


def test_no_sequence_of_calls_breaks_the_rules(redis_client: Redis) -> None:
    Lifecycle.desk = Desk(redis_client)
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.parametrize("script", ["claim", "append", "finish", "release", "beat"])
def test_no_script_makes_a_record_for_an_unknown_job(redis_client: Redis, script: str) -> None:
    # Given a server without jobs
    desk = Desk(redis_client)
    calls: dict[str, Callable[[], list[Any]]] = {
        "claim": lambda: desk.claim("job_x"),
        "append": lambda: desk.append("job_x", 0, [1]),
        "finish": lambda: desk.finish("job_x", 0, [1]),
        "release": lambda: desk.release("job_x"),
        "beat": lambda: desk.scripts("beat", "w", 15000, 60, 1, "job_x", "t"),
    }
    # When somebody writes to one
    assert calls[script]()[0] in ("drop", "lost")
    # Then there is still none
    assert not redis_client.exists("job:job_x", "ev:job_x")
