"""One attempt at a job: claim, generate, finish. Read this file first.

A doorbell names a job. If the job can be claimed, its tokens are generated under a lease
and written down as they are made; at the end exactly one of four things happens: the
lease was lost and nothing is written, the job is released, it is completed, or it fails.
"""

import random
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from threading import Lock, Timer

import structlog

from common.errors import JobError, JobErrorCode
from common.job import JobStatus
from common.leakage import gives_away
from common.sampling import FinishReason
from worker.breaker import Breaker
from worker.engines.base import Completion, EngineError, EngineOutOfMemory, Generation, Token
from worker.intake import Intake
from worker.keeper import Keeper
from worker.lease import Lease
from worker.ledger import SUSPECT, Ledger
from worker.metrics import WorkerMetrics
from worker.mount import Mount
from worker.quarantine import Quarantine
from worker.retry import GiveUp, RetryAfter, decide
from worker.spans import AttemptSpans

log = structlog.get_logger()


class Outcome(StrEnum):
    """How an attempt ended, as this worker sees it."""

    IGNORED = "ignored"  #: there was nothing to claim
    LOST = "lost"  #: cancelled, expired or rescued meanwhile
    RELEASED = "released"  #: it goes on elsewhere, or later
    CROWDED = "crowded"  #: it is tried again when it has the worker to itself
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class Attempts:
    """Runs attempts on the mounted model, for as many threads as it has slots."""

    def __init__(
        self,
        mount: Mount,
        intake: Intake,
        breaker: Breaker,
        ledger: Ledger,
        keeper: Keeper,
        wake_writer: Callable[[], None],
        metrics: WorkerMetrics,
        max_attempts: int,
    ) -> None:
        self._mount = mount
        self._intake = intake
        self._breaker = breaker
        self._ledger = ledger
        self._keeper = keeper
        self._wake_writer = wake_writer
        self._metrics = metrics
        self._max_attempts = max_attempts
        self._claiming = Lock()
        self.spans = AttemptSpans()
        self._quarantine = Quarantine()

    def run(self, job_id: str) -> Outcome:
        """Answer one doorbell. Raises redis.RedisError if the claim could not be made."""
        if not self._intake.open:
            return self._run(self._pass_on(job_id))
        with self._quarantine.together():
            lease = self._claim(job_id)
            outcome = self._run(lease)
        if outcome is not Outcome.CROWDED:
            return outcome
        with self._quarantine.alone():
            if lease == SUSPECT:
                lease = self._claim(job_id, alone=True)
            return self._run(lease, alone=True)

    def release(self, job_id: str) -> None:
        """Give one job back; its thread does it as soon as the engine has stopped."""
        for lease in self._keeper.held():
            if lease.job_id == job_id:
                lease.give_back()

    def drain(self) -> None:
        """Claim nothing more."""
        with self._claiming:
            self._intake.close()

    @contextmanager
    def standstill(self, patience_seconds: float) -> Iterator[None]:
        """Take no job, wait until those that run have ended, and hold still.

        What still runs after ``patience_seconds`` is given back.
        """
        with self._claiming:
            self._intake.pause()
        impatience = Timer(patience_seconds, self._release_all)
        impatience.start()
        try:
            with self._quarantine.alone(last=True):
                impatience.cancel()
                yield
        finally:
            self._intake.resume()

    def _release_all(self) -> None:
        for lease in self._keeper.held():
            lease.give_back()

    def _run(self, lease: Lease | str, *, alone: bool = False) -> Outcome:
        if lease == SUSPECT:
            return Outcome.CROWDED
        if isinstance(lease, str):
            log.info("nothing to claim", why=lease)
            return Outcome.IGNORED
        job, outcome = lease.claim.job, Outcome.LOST
        try:
            with (
                structlog.contextvars.bound_contextvars(
                    request_id=job.request_id, attempt=job.attempts
                ),
                self.spans.attempt(lease.claim) as span,
            ):
                self._metrics.jobs.claimed(job)
                outcome = self._attempt(lease, alone)
                span.tell({"caravan.outcome": outcome.value})
                log.info("attempt ended", outcome=outcome, resumed=len(lease.claim.resumed_ids))
        finally:
            if outcome is not Outcome.CROWDED:
                self._keeper.drop(lease)
        if lease.lost:
            self._metrics.jobs.stopped(time.monotonic() - lease.lost_at)
        return outcome

    def _claim(self, job_id: str, *, alone: bool = False) -> Lease | str:
        with self._claiming:
            if not self._intake.open:
                return self._pass_on(job_id)
            claim = self._ledger.claim(job_id, model=self._mount.name(), alone=alone)
            if isinstance(claim, str):
                return claim
            lease = Lease(claim)
            self._keeper.hold(lease)
        return lease

    def _pass_on(self, job_id: str) -> str:
        self._ledger.ring(job_id)
        return "left to other workers"

    def _attempt(self, lease: Lease, alone: bool) -> Outcome:
        try:
            completion = self._generate(lease)
        except EngineOutOfMemory as error:
            return self._failed(lease, error) if alone else self._crowded(lease, error)
        except EngineError as error:
            return self._failed(lease, error)
        except Exception as error:
            log.exception("the engine raised what it should not")
            return self._failed(lease, EngineError(f"{type(error).__name__} in the engine"))
        return self._ended(lease, completion)

    def _generate(self, lease: Lease) -> Completion:
        job, model = lease.claim.job, self._mount.take()
        sampling = job.work.sampling
        if sampling.seed is None:
            sampling = replace(sampling, seed=zlib.crc32(job.id.encode()))
        request = Generation(
            prompt_ids=model.tokenizer.encode(job.work.prompt),
            sampling=sampling,
            generated_ids=lease.ids,
            deadline=lease.end_at,
            prompt=job.work.prompt,
        )

        def on_tokens(tokens: list[Token]) -> None:
            lease.add(tokens)
            if lease.is_urgent:
                self._wake_writer()
            self._metrics.tokens.made(len(tokens), self._mount.busy_slots())

        return model.engine.generate(request, on_tokens, lease.cancelled)

    def _ended(self, lease: Lease, completion: Completion) -> Outcome:
        counted = completion.prompt_tokens
        prompt_tokens = lease.claim.job.prompt_tokens if counted is None else counted
        self._metrics.tokens.completed(completion, prompt_tokens)
        if completion.new_tokens:
            self._breaker.succeeded()
        if lease.lost:
            return Outcome.LOST
        reason = completion.finish_reason
        if reason is FinishReason.CANCELLED:
            self._ledger.release(lease)
            return Outcome.RELEASED
        if reason is FinishReason.TIMEOUT:
            return self._late(lease)
        if not self._ledger.complete(lease, completion, self._mount.label()):
            return Outcome.LOST
        job = lease.claim.job
        self._metrics.jobs.finished()
        if gives_away(job.work.prompt, completion.text):
            self._metrics.jobs.leaked(job)
            log.warning("the answer repeats its system prompt", kind=job.kind)
        return Outcome.COMPLETED

    def _late(self, lease: Lease) -> Outcome:
        if lease.claim.late_is_expired:
            error = JobError(JobErrorCode.DEADLINE, "The deadline passed while the job ran.")
            return self._write_failure(lease, JobStatus.EXPIRED, error)
        error = JobError(JobErrorCode.TIMEOUT, "The job ran longer than its timeout_seconds.")
        return self._write_failure(lease, JobStatus.FAILED, error)

    def _crowded(self, lease: Lease, error: EngineError) -> Outcome:
        """Go on alone: beside others it needed more memory than there is."""
        self._metrics.engine.failed(error)
        log.warning("out of memory; the job goes on alone", error=str(error))
        return Outcome.LOST if lease.lost else Outcome.CROWDED

    def _failed(self, lease: Lease, error: EngineError) -> Outcome:
        self._metrics.engine.failed(error)
        log.warning("the engine failed", error=str(error))
        if lease.lost:
            return Outcome.LOST
        if lease.released or self._breaker.failed(error):
            verdict: RetryAfter | GiveUp = RetryAfter(0, counts=0)
        else:
            verdict = decide(error, lease.claim.job.failures, self._max_attempts, random.random())
        if isinstance(verdict, RetryAfter):
            self._ledger.release(lease, verdict.delay_ms, verdict.counts)
            return Outcome.RELEASED
        shown = JobError(JobErrorCode.ENGINE_ERROR, f"The model failed: {error}")
        return self._write_failure(lease, JobStatus.FAILED, shown)

    def _write_failure(self, lease: Lease, status: JobStatus, error: JobError) -> Outcome:
        if not self._ledger.fail(lease, status, error, self._mount.label()):
            return Outcome.LOST
        self._metrics.jobs.finished()
        return Outcome(status.value)
