"""What a trace shows of an attempt: the wait before it, and a predecessor that was lost."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.job import Job
from common.tracing import Attributes, Kind, NoTracing, Span, Tracing
from worker.lease import Claim

#: How a job's trail names an attempt whose worker died: nobody else tells of that one.
_LOST = "worker_lost"


class AttemptSpans:
    """All attempts at a job are children of the request that made it."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self._tracing = tracing or NoTracing()

    @contextmanager
    def attempt(self, claim: Claim) -> Iterator[Span]:
        """Around one attempt; its log lines name the trace, even where traces are off."""
        job = claim.job
        if self._tracing.enabled:
            self._tell_of_the_past(claim)
        about = _about(claim) if self._tracing.enabled else None
        with self._tracing.span(
            f"attempt {job.kind}", job.traceparent, Kind.CONSUMER, about
        ) as span:
            yield span

    def _tell_of_the_past(self, claim: Claim) -> None:
        job, number = claim.job, claim.job.attempts
        lost = lost_attempt(job)
        if lost is not None:
            about: Attributes = {"caravan.attempt": number - 1, "error.type": _LOST}
            self._tracing.record("attempt lost", *lost, job.traceparent, about)
        wait = (claim.queued_ms / 1000, claim.claimed_ms / 1000)
        waited: Attributes = {
            "caravan.job.priority": job.priority.value,
            "caravan.attempt": number,
        }
        self._tracing.record("queue wait", *wait, job.traceparent, waited)


def lost_attempt(job: Job) -> tuple[float, float] | None:
    """When the attempt before this one began and was given up, if its worker died under it.

    In seconds since the epoch; from the trail, of which the last step is this attempt's start.
    """
    steps = [step.split("|") for step in job.trail.split(";") if step][:-1]
    match steps:
        case [*_, ["start", began, _], ["back", ended, why]] if why == _LOST:
            return int(began) / 1000, int(ended) / 1000
    return None


def _about(claim: Claim) -> Attributes:
    job = claim.job
    return {
        "messaging.system": "redis",
        "messaging.operation.type": "process",
        "messaging.destination.name": job.priority.queue,
        "messaging.message.id": job.id,
        "caravan.job.id": job.id,
        "caravan.job.kind": job.kind.value,
        "caravan.job.priority": job.priority.value,
        "caravan.attempt": job.attempts,
        "caravan.resumed_tokens": len(claim.resumed_ids),
        "caravan.request_id": job.request_id,
    }
