"""One job, or a page of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from api.answers import JobBody, JobListBody
from api.deps import PrincipalDep, StateDep, WaitDep
from api.intake import hold, job_response
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, After, Limit
from api.problems import (
    InvalidRequest,
    JobEnded,
    JobGone,
    JobNotFound,
    RedisUnavailable,
    Unauthorized,
)
from common.job import JobStatus

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs",
    responses={
        200: {"model": JobListBody},
        **problems(Unauthorized, InvalidRequest, RedisUnavailable),
    },
)
async def list_jobs(
    state: StateDep,
    principal: PrincipalDep,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
    status: Annotated[JobStatus | None, Query(description="Only jobs in this state")] = None,
) -> dict[str, Any]:
    """Your jobs, newest first."""
    page = await state.listing.page(principal.user, limit, after, status)
    return page.view(state.settings.price_per_1k_tokens)


@router.get(
    "/jobs/{job_id}",
    responses={
        200: {"model": JobBody},
        304: {"description": "The state is still the one of `If-None-Match`"},
        **problems(Unauthorized, JobNotFound, JobGone, InvalidRequest, RedisUnavailable),
    },
)
async def get_job(
    job_id: str,
    request: Request,
    state: StateDep,
    principal: PrincipalDep,
    wait: WaitDep,
    if_none_match: Annotated[str | None, Header(description="The ETag you have")] = None,
) -> Response:
    """One job as it is; with `Prefer: wait=N` once it has ended, or after N seconds."""
    snapshot = await state.jobs.get(principal.user, job_id)
    headers = {}
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait}"
        if not snapshot.job.status.terminal:
            snapshot = await hold(request, state, snapshot, wait)
    response = job_response(state, snapshot, 200, headers)
    if _matches(if_none_match, snapshot.etag):
        return Response(status_code=304, headers=headers)
    return response


@router.delete(
    "/jobs/{job_id}",
    responses={
        200: {"model": JobBody, "description": "The job, now cancelled"},
        **problems(Unauthorized, JobNotFound, JobEnded, JobGone, InvalidRequest, RedisUnavailable),
    },
)
async def cancel_job(job_id: str, state: StateDep, principal: PrincipalDep) -> Response:
    """Cancel a job that waits or runs."""
    return job_response(state, await state.jobs.cancel(principal.user, job_id), 200, {})


def _matches(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110's weak comparison."""
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in given or etag.removeprefix("W/") in given
