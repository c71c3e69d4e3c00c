"""From what was seen to a verdict: pure functions over one trial's evidence."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.chaos.crowd import Acceptance
from benchmarks.chaos.result import Result, Spread
from common.events import Chunk
from common.job import Job, JobStatus


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that stopped working at ``at``, and the jobs that it held then."""

    at: float
    job_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a trial saw. Times are seconds of ``time.monotonic()``.

    ``jobs`` are the accepted jobs' records at the end, ``settled`` the ends that the store
    counted; ``poison`` is the job that may fail.
    What was written after ``undone_since`` was cut off by the trial itself.
    """

    acceptances: Sequence[Acceptance]
    jobs: Mapping[str, Job | None]
    records: int
    settled: int
    queued: Mapping[str, Sequence[float]]
    claims: Mapping[str, Sequence[float]]
    ends: Mapping[str, Sequence[float]]
    chunks: Mapping[str, Sequence[Chunk]]
    kills: Sequence[Kill]
    refusal_seconds: Sequence[float]
    seconds: float
    poison: str = ""
    undone_since: float = math.inf
    notes: tuple[str, ...] = ()
    broken: tuple[str, ...] = field(default=())


#: The gateway says that the store is away within this.
REFUSED_WITHIN_SECONDS = 5.0


def judge(scenario: str, evidence: Evidence) -> Result:
    """Count, and name every promise that did not hold."""
    jobs = [job for job in evidence.jobs.values() if job is not None]
    result = Result(
        scenario,
        accepted=len(evidence.jobs),
        completed=sum(job.status is JobStatus.COMPLETED for job in jobs),
        lost=len(list(_lost(evidence))),
        double_terminals=sum(len(ends) > 1 for ends in evidence.ends.values()),
        duplicate_starts=sum(max(0, job.attempts - 1) for job in jobs),
        rescue=Spread.of(list(_delays(evidence.kills, evidence.queued))),
        recovery=Spread.of(list(_delays(evidence.kills, evidence.claims))),
        seconds=round(evidence.seconds, 1),
        kills=len(evidence.kills),
        notes=evidence.notes,
    )
    return replace(result, broken=(*evidence.broken, *_broken(evidence)))


def _broken(evidence: Evidence) -> Iterator[str]:
    for acceptance in _lost(evidence):
        if acceptance.at < evidence.undone_since:
            yield f"{acceptance.job_id} was accepted and has not ended"
    for job_id, ends in evidence.ends.items():
        if len(ends) > 1 and ends[-2] < evidence.undone_since:
            yield f"{job_id} ended {len(ends)} times"
    for acceptance in evidence.acceptances:
        job = evidence.jobs[acceptance.job_id]
        if job is not None and job.status.terminal and job.id != evidence.poison:
            yield from _wrong_with(job, acceptance)
    if math.isinf(evidence.undone_since):
        yield from _said_twice(evidence)
        yield from _counted_twice(evidence)
    slowest = max(evidence.refusal_seconds, default=0.0)
    if slowest > REFUSED_WITHIN_SECONDS:
        yield f"the gateway took {slowest:.1f} s to answer 503"


def _lost(evidence: Evidence) -> Iterator[Acceptance]:
    for acceptance in evidence.acceptances:
        job = evidence.jobs[acceptance.job_id]
        if job is None or not job.status.terminal:
            yield acceptance


def _wrong_with(job: Job, acceptance: Acceptance) -> Iterator[str]:
    if job.status is not JobStatus.COMPLETED:
        yield f"{job.id} is {job.status}: {job.error}"
    elif acceptance.order.known and job.text != acceptance.order.echo():
        yield f"{job.id} says {job.text!r} instead of {acceptance.order.echo()!r}"
    elif sum(int(n) for n in job.lengths.split(",") if n) != len(job.text):
        yield f"{job.id} has other tokens than its text"


def _said_twice(evidence: Evidence) -> Iterator[str]:
    """Tokens are published in order; a reader that was cut off may miss some."""
    for job_id, chunks in evidence.chunks.items():
        after = 0
        for chunk in chunks:
            if chunk.offset < after:
                yield f"{job_id} published token {chunk.offset} twice"
            after = chunk.after


def _counted_twice(evidence: Evidence) -> Iterator[str]:
    """What the store counted, though nobody may have heard it."""
    if evidence.records != len(evidence.jobs):
        yield f"{len(evidence.jobs)} keys made {evidence.records} jobs"
    if evidence.settled > len(evidence.jobs):
        yield f"{len(evidence.jobs)} jobs ended {evidence.settled} times"


def _delays(kills: Sequence[Kill], events: Mapping[str, Sequence[float]]) -> Iterator[float]:
    """Seconds from each kill to the next event of each job that was held."""
    for kill in kills:
        for job_id in kill.job_ids:
            later = [at for at in events.get(job_id, ()) if at > kill.at]
            if later:
                yield later[0] - kill.at
