"""Text from a prompt."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import JobBody
from api.deps import CallerDep, StateDep
from api.intake import REFUSALS, take_in
from api.openapi import problems
from api.schemas import GenerateRequest
from common.job import JobKind
from common.prompt import Message, Prompt, Role

router = APIRouter(tags=["jobs"])


@router.post(
    "/generate",
    status_code=202,
    responses={
        200: {"model": JobBody, "description": "Ended within `Prefer: wait=N`"},
        202: {"model": JobBody, "description": "Accepted: poll, wait or stream"},
        **problems(*REFUSALS),
    },
)
async def generate(
    body: GenerateRequest, request: Request, state: StateDep, caller: CallerDep
) -> Response:
    """Submit a prompt."""
    turns = [Message(Role.USER, body.prompt)]
    if body.system_prompt is not None:
        turns.insert(0, Message(Role.SYSTEM, body.system_prompt))
    prompt = Prompt(messages=tuple(turns))
    return await take_in(request, state, caller, JobKind.GENERATE, body, prompt, "prompt")
