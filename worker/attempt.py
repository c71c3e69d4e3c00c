"""One attempt at a job: claim, generate, finish. Read this file first.

A doorbell names a job. If the job can be claimed, its tokens are generated under a lease
and written down as they are made; at the end exactly one of four things happens: the
lease was lost and nothing is written, the job is released, it is completed, or it fails.
"""

import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from threading import Lock

import structlog

from common.errors import JobError, JobErrorCode
from common.job import JobStatus
from common.sampling import FinishReason
from common.tokenizer import Tokenizer
from worker.engines.base import Completion, Engine, EngineError, Generation, Token
from worker.keeper import Keeper
from worker.lease import Claim, Lease
from worker.ledger import SUSPECT, Ledger
from worker.metrics import WorkerMetrics
from worker.quarantine import Quarantine
from worker.retry import RetryAfter, decide

log = structlog.get_logger()


class Outcome(StrEnum):
    """How an attempt ended, as this worker sees it."""

    IGNORED = "ignored"  #: there was nothing to claim
    LOST = "lost"  #: cancelled, expired or rescued meanwhile
    RELEASED = "released"  #: it goes on elsewhere, or later
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class Attempts:
    """Runs attempts on one engine, for as many threads as it has slots."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        ledger: Ledger,
        keeper: Keeper,
        wake_writer: Callable[[], None],
        metrics: WorkerMetrics,
        max_attempts: int,
    ) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        self._ledger = ledger
        self._keeper = keeper
        self._wake_writer = wake_writer
        self._metrics = metrics
        self._max_attempts = max_attempts
        self._draining = False
        self._claiming = Lock()
        self._quarantine = Quarantine()

    def run(self, job_id: str) -> Outcome:
        """Answer one doorbell. Raises redis.RedisError if the claim could not be made."""
        with self._quarantine.together():
            claim = self._claim(job_id)
            if claim != SUSPECT:
                return self._run(claim)
        with self._quarantine.alone():
            return self._run(self._claim(job_id, alone=True))

    def release(self, job_id: str) -> None:
        """Give one job back; its thread does it as soon as the engine has stopped."""
        for lease in self._keeper.held():
            if lease.job_id == job_id:
                lease.give_back()

    def drain(self) -> None:
        """Claim nothing more."""
        with self._claiming:
            self._draining = True

    def _run(self, claim: Claim | str) -> Outcome:
        if isinstance(claim, str):
            log.info("nothing to claim", why=claim)
            return Outcome.IGNORED
        self._metrics.claimed(claim.job)
        lease = Lease(claim)
        self._keeper.hold(lease)
        try:
            with structlog.contextvars.bound_contextvars(
                request_id=claim.job.request_id, attempt=claim.job.attempts
            ):
                outcome = self._attempt(lease)
                log.info("attempt ended", outcome=outcome, resumed=len(claim.resumed_ids))
        finally:
            self._keeper.drop(lease)
        return outcome

    def _claim(self, job_id: str, *, alone: bool = False) -> Claim | str:
        with self._claiming:
            return "draining" if self._draining else self._ledger.claim(job_id, alone=alone)

    def _attempt(self, lease: Lease) -> Outcome:
        try:
            completion = self._generate(lease)
        except EngineError as error:
            return self._failed(lease, error)
        except Exception as error:
            log.exception("the engine raised what it should not")
            return self._failed(lease, EngineError(f"{type(error).__name__} in the engine"))
        return self._ended(lease, completion)

    def _generate(self, lease: Lease) -> Completion:
        job = lease.claim.job
        sampling = job.work.sampling
        if sampling.seed is None:
            sampling = replace(sampling, seed=zlib.crc32(job.id.encode()))
        request = Generation(
            prompt_ids=self._tokenizer.encode(job.work.prompt),
            sampling=sampling,
            generated_ids=lease.claim.resumed_ids,
            deadline=lease.end_at,
        )

        def on_tokens(tokens: list[Token]) -> None:
            lease.add(tokens)
            self._wake_writer()
            self._metrics.tokens(len(tokens))

        return self._engine.generate(request, on_tokens, lease.cancelled)

    def _ended(self, lease: Lease, completion: Completion) -> Outcome:
        self._metrics.generated(completion)
        if lease.lost:
            return Outcome.LOST
        reason = completion.finish_reason
        if reason is FinishReason.CANCELLED:
            self._ledger.release(lease)
            return Outcome.RELEASED
        if reason is FinishReason.TIMEOUT:
            return self._late(lease)
        if not self._ledger.complete(lease, reason, self._model()):
            return Outcome.LOST
        self._metrics.finished(lease.claim.job, JobStatus.COMPLETED, lease.age_seconds)
        return Outcome.COMPLETED

    def _late(self, lease: Lease) -> Outcome:
        if lease.claim.late_is_expired:
            error = JobError(JobErrorCode.DEADLINE, "The deadline passed while the job ran.")
            return self._write_failure(lease, JobStatus.EXPIRED, error)
        error = JobError(JobErrorCode.TIMEOUT, "The job ran longer than its timeout_seconds.")
        return self._write_failure(lease, JobStatus.FAILED, error)

    def _failed(self, lease: Lease, error: EngineError) -> Outcome:
        log.warning("the engine failed", error=str(error))
        if lease.lost:
            return Outcome.LOST
        verdict = decide(error, lease.claim.job.failures, self._max_attempts, random.random())
        if lease.released:
            verdict = RetryAfter(0, counts=0)
        if isinstance(verdict, RetryAfter):
            self._ledger.release(lease, verdict.delay_ms, verdict.counts)
            return Outcome.RELEASED
        shown = JobError(JobErrorCode.ENGINE_ERROR, f"The model failed: {error}")
        return self._write_failure(lease, JobStatus.FAILED, shown)

    def _write_failure(self, lease: Lease, status: JobStatus, error: JobError) -> Outcome:
        if not self._ledger.fail(lease, status, error, self._model()):
            return Outcome.LOST
        self._metrics.finished(lease.claim.job, status, lease.age_seconds)
        return Outcome(status.value)

    def _model(self) -> dict[str, object]:
        info = self._engine.info()
        return {
            "model_name": info.model_name,
            "quantization": info.quantization,
            "gpu_layers": info.gpu_layers,
            "context_size": info.context_size,
        }
