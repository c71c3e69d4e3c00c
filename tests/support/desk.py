"""Both sides of the lifecycle by hand: submits as a gateway, claims as a worker."""

import json
from collections.abc import Mapping
from typing import Any

from redis import Redis

from common import keys
from common.job import Job, Work, new_job_id, pairs
from common.prompt import Prompt
from common.queues import Priority
from common.sampling import Sampling
from common.scripts import Argument, Scripts

HOUR_MS = 3_600_000
LEASE_MS = 15_000


class Desk:
    """Runs the real scripts on a real server, with defaults that a test may change."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.scripts = Scripts(redis)

    def submit(self, job_id: str | None = None, **changes: Any) -> str:
        """Submit a job that must be accepted; return its id."""
        answer = self.try_submit(job_id, **changes)
        assert answer[0] == "created", answer
        return str(answer[1])

    def try_submit(
        self,
        job_id: str | None = None,
        *,
        user: str = "ada",
        priority: Priority = Priority.NORMAL,
        idempotency: str = "",
        digest: str = "body",
        class_limit: int = 1_000_000,
        user_limit: int = 1_000_000,
        deadline_ms: int = 0,
        queue_ttl_ms: int = HOUR_MS,
        rate_limit: int = 1_000_000,
        issued_at: int = 0,
        token_limit: int = 0,
        request: str = "",
        timeout_ms: int = 60_000,
        result_ttl_ms: int = HOUR_MS,
        prompt: str = "hello ",
        weight: int = 206,
        sampling: Sampling | None = None,
        more: Mapping[str, Argument] | None = None,
    ) -> list[Any]:
        """Submit a job; return the script's answer."""
        job_id = job_id or new_job_id()
        work = Work(Prompt(text=prompt), sampling or Sampling()).to_json()
        fields: tuple[Argument, ...] = (
            *("v", 1, "kind", "generate", "work", work, "prompt_tokens", 6),
            *("timeout_ms", timeout_ms, "result_ttl_ms", result_ttl_ms),
            *(part for pair in (more or {}).items() for part in pair),
        )
        answer: list[Any] = self.scripts(
            *("submit", job_id, user, priority.value, idempotency, digest, class_limit),
            *(user_limit, deadline_ms, queue_ttl_ms, weight, rate_limit, issued_at),
            *(token_limit, request or job_id, "", user, "user admin", 0, *fields),
        )
        return answer

    def read(self, job_id: str) -> Job:
        """The job as it is now."""
        return Job.from_hash(pairs(self.scripts("read", job_id)[0]))

    def claim(
        self,
        job_id: str,
        token: str = "token",
        worker: str = "worker",
        *,
        alone: bool = True,
        model: str = "",
    ) -> list[Any]:
        """Claim as a worker would that holds nothing else."""
        claim = ("claim", job_id, token, worker, LEASE_MS, int(alone), model)
        answer: list[Any] = self.scripts(*claim)
        return answer

    def append(self, job_id: str, offset: int, ids: list[int], token: str = "token") -> list[Any]:
        """Append tokens, each with its id as one character of text."""
        answer: list[Any] = self.scripts("append", job_id, token, *chunk(offset, ids))
        return answer

    def finish(self, job_id: str, offset: int, ids: list[int], token: str = "token") -> list[Any]:
        """Complete with a last chunk."""
        fields = ("completed", "finish_reason", "stop")
        answer: list[Any] = self.scripts("finish", job_id, token, *chunk(offset, ids), *fields)
        return answer

    def release(self, job_id: str, token: str = "token", delay_ms: int = 0) -> list[Any]:
        """Give the job back."""
        answer: list[Any] = self.scripts("release", job_id, token, delay_ms, 0)
        return answer

    def rescue(self, worker: str = "", kills: int = 3) -> list[Any]:
        """Rescue, with a tick that is fresh."""
        answer: list[Any] = self.scripts("rescue", LEASE_MS, 6000, kills, 100, worker, 0)
        return answer

    def rung(self, priority: Priority = Priority.NORMAL) -> list[str]:
        """The jobs whose bells stand in a queue, the next one first."""
        bells = [json.loads(str(bell)) for bell in self.redis.lrange(priority.queue, 0, -1)]
        return [bell["headers"]["id"] for bell in reversed(bells)]

    def let_bell_run_out(self, job_id: str, priority: Priority = Priority.NORMAL) -> None:
        """Have nobody answered the job's bell for a while."""
        self.redis.zadd(keys.bells(priority.value), {job_id: 1}, xx=True)

    def let_lease_run_out(self, job_id: str) -> None:
        """Put the end of a lease into the past."""
        self.redis.zadd("leases", {job_id: 1})


def chunk(offset: int, ids: list[int]) -> tuple[Argument, ...]:
    """The chunk arguments of append and finish; the text of id n is one character."""
    text = "".join(chr(97 + n % 26) for n in ids)
    joined = ",".join(map(str, ids))
    return (offset, len(ids), text, joined, ",".join("1" * len(ids)), -0.5 * len(ids), 10, "")
