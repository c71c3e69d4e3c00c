"""Another model in the running workers."""

from typing import Any

from fastapi import APIRouter, Response

from api.answers import CommandBody, ReloadBody
from api.deps import AdminDep, ObserverDep, StateDep
from api.identity.audit import audit
from api.openapi import problems
from api.problems import NotFound
from api.requests.reload import ReloadRequest

router = APIRouter(prefix="/admin", tags=["admin"])


@router.post("/reload", status_code=202)
async def reload(
    response: Response, state: StateDep, admin: AdminDep, body: ReloadRequest | None = None
) -> CommandBody:
    """Load the model anew, or another one by name, one worker after the other.

    No job is lost or failed by it. A worker that cannot load what is named goes back to the
    model that it had, and the workers after it keep theirs. Follow it at `GET /admin/reload`.
    """
    wanted = body or ReloadRequest()
    command, heard = await state.reloads.begin(wanted)
    named = wanted.model_dump(mode="json", exclude_none=True, exclude={"workers"})
    audit("model.reload", admin.user, target=command.id, **named)
    response.headers["Location"] = "/admin/reload"
    return CommandBody(id=command.id, command=command.verb, workers=heard)


@router.get("/reload", responses={200: {"model": ReloadBody}, **problems(NotFound)})
async def progress(state: StateDep, _observer: ObserverDep) -> dict[str, Any]:
    """How far each worker is with the last reload."""
    return await state.reloads.progress()
