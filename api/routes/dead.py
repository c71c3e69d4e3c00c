"""Dead letters, for whoever runs the service."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import JobBody, JobListBody
from api.deps import AdminDep, StateDep
from api.guard.problems import PromptRefused
from api.identity.audit import audit
from api.intake import job_response
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, After, Limit
from api.problems import JobNotFound

router = APIRouter(prefix="/admin/dead", tags=["admin"])


@router.get("", responses={200: {"model": JobListBody}})
async def list_dead(
    state: StateDep,
    _admin: AdminDep,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
) -> dict[str, Any]:
    """Failed jobs of all users, newest first."""
    page = await state.dead.page(limit, after)
    return page.view()


@router.post("/redrive")
async def redrive_all(state: StateDep, admin: AdminDep) -> dict[str, Any]:
    """Try all of them once more; answers with the ids of the new jobs."""
    redriven = await state.dead.redrive_all()
    audit("dead.redrive_all", admin.user, jobs=len(redriven))
    return {"redriven": redriven}


@router.post(
    "/{job_id}/redrive",
    status_code=202,
    responses={202: {"model": JobBody}, **problems(JobNotFound, PromptRefused)},
)
async def redrive(job_id: str, state: StateDep, admin: AdminDep) -> Response:
    """Try one once more, as a new job with the same work."""
    snapshot = await state.dead.redrive(job_id)
    audit("dead.redrive", admin.user, target=job_id, job_id=snapshot.job.id)
    return job_response(snapshot, 202, {"Location": f"/jobs/{snapshot.job.id}"})


@router.delete("")
async def purge(state: StateDep, admin: AdminDep) -> dict[str, int]:
    """Forget them; the jobs stay readable to their owners until they expire."""
    purged = await state.dead.purge()
    audit("dead.purge", admin.user, jobs=purged)
    return {"purged": purged}
