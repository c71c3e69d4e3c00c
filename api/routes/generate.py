"""Text from a prompt."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import JobBody
from api.batches.native import take_in_batch
from api.batches.problems import TooManyBatches
from api.batches.views import BatchBody
from api.deps import CallerDep, StateDep
from api.files.problems import FilesUnavailable
from api.intake import take_in
from api.openapi import problems
from api.refusals import SUBMIT_REFUSALS
from api.requests.batch import GenerateBatchRequest, GenerateOneOrMany

router = APIRouter(tags=["jobs"])


@router.post(
    "/generate",
    status_code=202,
    responses={
        200: {"model": JobBody | BatchBody, "description": "Ended within `Prefer: wait=N`"},
        202: {"model": JobBody | BatchBody, "description": "Accepted: poll, wait or stream"},
        **problems(*SUBMIT_REFUSALS, TooManyBatches, FilesUnavailable),
    },
)
async def generate(
    body: GenerateOneOrMany, request: Request, state: StateDep, caller: CallerDep
) -> Response:
    """Submit a prompt, or with `prompts` a batch of them."""
    if isinstance(body, GenerateBatchRequest):
        return await take_in_batch(request, state, caller, body, "prompts")
    return await take_in(request, state, caller, body)
