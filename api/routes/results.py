"""The bare result of a job."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.answers import ExplanationBody, GenerateResultBody
from api.conditional import IfNoneMatch, matches
from api.deps import PrincipalDep, StateDep, WaitDep
from api.intake import look
from api.openapi import problems
from api.problems import (
    JobGone,
    JobNotFinished,
    JobNotFound,
    NoResult,
)
from api.results import bare_result

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs/{job_id}/result",
    responses={
        200: {"model": ExplanationBody | GenerateResultBody, "description": "Of its kind"},
        304: {"description": "The result is still the one of `If-None-Match`"},
        **problems(JobNotFound, JobNotFinished, NoResult, JobGone),
    },
)
async def get_result(
    job_id: str,
    request: Request,
    state: StateDep,
    principal: PrincipalDep,
    wait: WaitDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What a completed job made, and nothing else; `Prefer: wait=N` waits for its end."""
    snapshot, headers = await look(request, state, principal.user, job_id, wait)
    result = bare_result(snapshot)
    headers["ETag"] = snapshot.etag
    if matches(if_none_match, snapshot.etag):
        return Response(status_code=304, headers=headers)
    return JSONResponse(result, headers=headers)
