"""One job, or a page of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import JobBody, JobListBody
from api.conditional import IfNoneMatch, matches
from api.deps import CancelNonceDep, PrincipalDep, StateDep, WaitDep
from api.intake import job_response, look
from api.listing import Filter
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, After, Limit
from api.problems import (
    JobEnded,
    JobGone,
    JobNotFinished,
    JobNotFound,
)
from common.job import JobKind, JobStatus
from common.queues import Priority

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs",
    responses={
        200: {"model": JobListBody},
    },
)
async def list_jobs(
    state: StateDep,
    principal: PrincipalDep,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
    status: Annotated[JobStatus | None, Query(description="Only jobs in this state")] = None,
    priority: Annotated[Priority | None, Query(description="Only jobs of this class")] = None,
    kind: Annotated[JobKind | None, Query(description="Only jobs made so")] = None,
) -> dict[str, Any]:
    """Your jobs, newest first."""
    wanted = Filter(status, priority, kind)
    page = await state.listing.page(principal.user, limit, after, wanted)
    return page.view()


@router.get(
    "/jobs/{job_id}",
    responses={
        200: {"model": JobBody},
        304: {"description": "The state is still the one of `If-None-Match`"},
        **problems(JobNotFound, JobGone),
    },
)
async def get_job(
    job_id: str,
    request: Request,
    state: StateDep,
    principal: PrincipalDep,
    wait: WaitDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One job as it is; with `Prefer: wait=N` once it has ended, or after N seconds."""
    snapshot, headers = await look(request, state, principal.user, job_id, wait)
    response = job_response(snapshot, 200, headers)
    if matches(if_none_match, snapshot.etag):
        return Response(status_code=304, headers=headers)
    return response


@router.delete(
    "/jobs/{job_id}",
    responses={
        200: {"model": JobBody, "description": "The job, now cancelled"},
        204: {"description": "Erased, now or before"},
        **problems(JobNotFound, JobEnded, JobNotFinished, JobGone),
    },
)
async def cancel_job(
    job_id: str,
    state: StateDep,
    principal: PrincipalDep,
    nonce: CancelNonceDep,
    erase: Annotated[bool, Query(description="Forget a job that has ended, and its text")] = False,
) -> Response:
    """Cancel a job that waits or runs; with `erase=true` forget one that has ended."""
    if erase:
        await state.jobs.erase(principal.user, job_id)
        return Response(status_code=204)
    return job_response(await state.jobs.cancel(principal.user, job_id, nonce), 200, {})
