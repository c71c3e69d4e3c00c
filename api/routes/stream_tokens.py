"""Leave for a browser to follow one job."""

from fastapi import APIRouter, Response

from api.deps import PrincipalDep, StateDep
from api.openapi import problems
from api.problems import JobGone, JobNotFound
from api.stream_tokens import LIFETIME_SECONDS, StreamTokenBody

router = APIRouter(tags=["jobs"])


@router.post(
    "/jobs/{job_id}/stream-token",
    responses=problems(JobNotFound, JobGone),
)
async def issue_stream_token(
    job_id: str, response: Response, state: StateDep, principal: PrincipalDep
) -> StreamTokenBody:
    """A token for `new EventSource(url)`: a minute, this job, its events and nothing else."""
    await state.jobs.get(principal.user, job_id)
    response.headers["Cache-Control"] = "no-store"
    token = state.stream_tokens.issue(principal.user, job_id, principal.session)
    return StreamTokenBody(
        token=token, expires_in=LIFETIME_SECONDS, url=f"/jobs/{job_id}/events?token={token}"
    )
