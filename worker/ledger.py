"""Claim, finish and release: the worker's side of a job's record."""

import json
import time
import uuid
from typing import Any

import structlog
from redis.exceptions import RedisError

from common.errors import JobError
from common.job import Job, JobStatus, pairs
from common.logs import SPEECH
from common.scripts import Argument, Scripts
from worker.engines.base import Completion
from worker.lease import Claim, Lease

log = structlog.get_logger()

#: Why a job was not claimed: its worker died, or its engine failed, while it ran.
SUSPECT = "suspect"

#: Seconds between two tries to write an outcome while Redis is away.
_RETRY_SECONDS = 0.5


class Ledger:
    """Writes what this worker decides about jobs, and nothing without a lease."""

    def __init__(self, scripts: Scripts, worker_id: str, lease_ms: int) -> None:
        self._scripts = scripts
        self._worker_id = worker_id
        self._lease_ms = lease_ms

    def claim(self, job_id: str, *, model: str = "", alone: bool = False) -> Claim | str:
        """Take a job, or say why not: SUSPECT if it must have the worker to itself.

        ``model`` is the name of the one that will run it, by which it is priced.
        Raises redis.RedisError.
        """
        token = uuid.uuid4().hex
        answer = self._scripts(
            "claim", job_id, token, self._worker_id, self._lease_ms, int(alone), model
        )
        if answer[0] != "claimed":
            return str(answer[-1])
        raw = pairs(answer[1])
        job, left_ms = Job.from_hash(raw), int(answer[3])
        claimed_ms = int(raw["claimed_ms"])
        end_by = claimed_ms + left_ms
        return Claim(
            job=job,
            token=token,
            resumed_ids=tuple(int(n) for n in answer[2].split(",") if n),
            seconds_left=left_ms / 1000,
            late_is_expired=0 < job.deadline_ms <= end_by,
            queued_ms=int(raw.get("queued_ms") or claimed_ms),
            claimed_ms=claimed_ms,
            followed=bool(raw.get("followed")),
        )

    def ring(self, job_id: str) -> None:
        """Ring again for a job that is left to another worker. Raises redis.RedisError."""
        self._scripts("ring", job_id)

    def complete(self, lease: Lease, completion: Completion, model: dict[str, Any]) -> bool:
        """Write the answer; False if the lease was lost."""
        fields: list[Argument] = ["finish_reason", completion.finish_reason.value]
        fields += ["model_info", json.dumps(model), "cached_tokens", completion.cached_tokens]
        if completion.prompt_tokens is not None:
            fields += ["prompt_tokens", completion.prompt_tokens]
        log.info(SPEECH, answer=completion.text)
        return self._finish(lease, JobStatus.COMPLETED, fields)

    def fail(self, lease: Lease, status: JobStatus, error: JobError, model: dict[str, Any]) -> bool:
        """Write why there is no answer, keeping the text so far; False if the lease was lost."""
        fields = ("error_code", error.code, "error_message", error.message)
        return self._finish(lease, status, [*fields, "model_info", json.dumps(model)])

    def release(self, lease: Lease, delay_ms: int = 0, failures: int = 0) -> bool:
        """Give the job back, to run after ``delay_ms``; False if the lease was lost."""
        self._flush(lease)
        answer = self._insist(lease, "release", lease.job_id, lease.token, delay_ms, failures)
        return bool(answer[0] == "ok")

    def _finish(self, lease: Lease, status: JobStatus, fields: list[Argument]) -> bool:
        while True:
            answer = self._insist(
                lease, "finish", lease.job_id, lease.token, *lease.tail(), status.value, *fields
            )
            if answer[0] != "resend":
                return bool(answer[0] == "ok")
            lease.acknowledge(answer[1])

    def _flush(self, lease: Lease) -> None:
        while (chunk := lease.unsent()) is not None:
            answer = self._insist(lease, "append", lease.job_id, lease.token, *chunk)
            if answer[0] != "ok":
                return
            lease.acknowledge(answer[1])

    def _insist(self, lease: Lease, script: str, *args: Argument) -> list[Any]:
        """Call until Redis answers: an outcome is never dropped because Redis was away."""
        while not lease.lost:
            try:
                return list(self._scripts(script, *args))
            except RedisError as error:
                log.warning("redis is away", script=script, error=str(error))
                time.sleep(_RETRY_SECONDS)
        return ["lost", 0]
