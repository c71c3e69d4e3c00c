"""What happened to a job, and when."""

from fastapi import APIRouter

from api.deps import PrincipalDep, StateDep
from api.openapi import problems
from api.problems import JobGone, JobNotFound
from api.timeline import MomentBody, TimelineBody, timeline

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs/{job_id}/timeline",
    responses=problems(JobNotFound, JobGone),
)
async def get_timeline(job_id: str, state: StateDep, principal: PrincipalDep) -> TimelineBody:
    """When it was queued, each attempt began or was lost, the first token came, and it ended."""
    snapshot = await state.jobs.get(principal.user, job_id)
    return TimelineBody(data=[MomentBody(**moment) for moment in timeline(snapshot.job)])
