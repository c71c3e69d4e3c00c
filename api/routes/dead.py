"""Dead letters, for whoever runs the service."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.answers import JobBody, JobListBody
from api.deps import AdminDep, StateDep
from api.intake import job_response
from api.openapi import problems
from api.problems import Forbidden, InvalidRequest, JobNotFound, RedisUnavailable, Unauthorized
from api.schemas import LIMITS
from api.views import job_view

router = APIRouter(prefix="/admin/dead", tags=["admin"])

_LIMIT = LIMITS["limit"]
_REFUSALS = problems(Unauthorized, Forbidden, RedisUnavailable)


@router.get("", responses={200: {"model": JobListBody}, **problems(InvalidRequest), **_REFUSALS})
async def list_dead(
    state: StateDep,
    _admin: AdminDep,
    limit: Annotated[int, Query(ge=_LIMIT.minimum, le=_LIMIT.maximum)] = _LIMIT.default,
    after: Annotated[str | None, Query(description="The `last_id` of the page before")] = None,
) -> dict[str, Any]:
    """Failed jobs of all users, newest first."""
    page = await state.dead.page(limit, after)
    data = [job_view(job, state.settings.price_per_1k_tokens) for job in page.jobs]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": page.has_more,
    }


@router.post("/redrive", responses=_REFUSALS)
async def redrive_all(state: StateDep, _admin: AdminDep) -> dict[str, Any]:
    """Try all of them once more; answers with the ids of the new jobs."""
    return {"redriven": await state.dead.redrive_all()}


@router.post(
    "/{job_id}/redrive",
    status_code=202,
    responses={202: {"model": JobBody}, **problems(JobNotFound), **_REFUSALS},
)
async def redrive(job_id: str, state: StateDep, _admin: AdminDep) -> Response:
    """Try one once more, as a new job with the same work."""
    snapshot = await state.dead.redrive(job_id)
    return job_response(state, snapshot, 202, {"Location": f"/jobs/{snapshot.job.id}"})


@router.delete("", responses=_REFUSALS)
async def purge(state: StateDep, _admin: AdminDep) -> dict[str, int]:
    """Forget them; the jobs stay readable to their owners until they expire."""
    return {"purged": await state.dead.purge()}
