"""Financial explanations from a context."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import JobBody
from api.deps import CallerDep, StateDep
from api.intake import take_in
from api.openapi import problems
from api.refusals import SUBMIT_REFUSALS
from api.requests.explain import ExplainRequest

router = APIRouter(tags=["jobs"])


@router.post(
    "/explain",
    status_code=202,
    responses={
        200: {"model": JobBody, "description": "Ended within `Prefer: wait=N`"},
        202: {"model": JobBody, "description": "Accepted: poll, wait or stream"},
        **problems(*SUBMIT_REFUSALS),
    },
)
async def explain(
    body: ExplainRequest, request: Request, state: StateDep, caller: CallerDep
) -> Response:
    """Submit a context to be explained in plain words."""
    return await take_in(request, state, caller, body)
