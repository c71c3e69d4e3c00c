"""How a job ended, for those who were promised an answer: chat and completions."""

from api.problems import Problem
from api.v1.problems import Cancelled, GenerationFailed, GenerationLate
from common.errors import JobErrorCode
from common.job import Job, JobStatus


def problem_of(job: Job) -> Problem | None:
    """Why there is no answer; None if there is one."""
    said = job.error.message if job.error else "The job failed."
    match job.status:
        case JobStatus.COMPLETED:
            return None
        case JobStatus.CANCELLED:
            return Cancelled(f"{job.id} was cancelled before its answer was complete.")
        case JobStatus.EXPIRED:
            return GenerationLate(said)
        case _ if job.error is not None and job.error.code == JobErrorCode.TIMEOUT:
            return GenerationLate(said)
    return GenerationFailed(said)


#: What ``answer_or_raise`` may raise.
ENDINGS = (Cancelled, GenerationFailed, GenerationLate)


def answer_or_raise(job: Job) -> Job:
    """The job, if it completed. Raises Problem."""
    problem = problem_of(job)
    if problem is not None:
        raise problem
    return job
