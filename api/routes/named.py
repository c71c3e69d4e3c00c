"""A job under an id of the client's own."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.answers import JobBody
from api.deps import CallerDep, StateDep
from api.intake import take_in
from api.openapi import problems
from api.problems import IdReused, InvalidRequest, JobGone
from api.refusals import SUBMIT_REFUSALS
from api.requests.named import NamedRequest

router = APIRouter(tags=["jobs"])

#: How the ids begin that only a batch gives.
RESERVED = "batch_"

NewId = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Unguessable, such as a UUID: all users share one space of ids",
    ),
]


@router.put(
    "/jobs/{job_id}",
    status_code=202,
    responses={
        200: {"model": JobBody, "description": "It was there, or ended within `Prefer: wait=N`"},
        202: {"model": JobBody, "description": "Accepted: poll, wait or stream"},
        **problems(*SUBMIT_REFUSALS, IdReused, JobGone),
    },
)
async def put_job(
    job_id: NewId, body: NamedRequest, request: Request, state: StateDep, caller: CallerDep
) -> Response:
    """Submit as often as you like: the same id and body are the same job, in whatever state."""
    if job_id.startswith(RESERVED):
        raise InvalidRequest.about(
            "job_id", f"not {RESERVED}...", job_id, f"begins with {RESERVED}, as only lines do"
        )
    nameless = replace(caller, origin=replace(caller.origin, idempotency_key=None))
    return await take_in(request, state, nameless, body, job_id)
