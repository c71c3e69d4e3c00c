"""Completions, the old way to ask."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.deps import StateDep
from api.refusals import SUBMIT_REFUSALS, problems
from api.v1.answers import CompletionAnswerBody, streams_too
from api.v1.calls import ClientDep, accept, call_of, ended
from api.v1.chunks import CompletionShape, chunk_frames
from api.v1.completions import CompletionBody, from_job, to_request
from api.v1.outcome import ENDINGS, answer_or_raise
from api.v1.problems import REFUSALS
from api.v1.streams import stream

router = APIRouter(tags=["openai"])


@router.post(
    "/v1/completions",
    responses={
        200: streams_too(CompletionAnswerBody, "chunks, then `[DONE]`"),
        **problems(*SUBMIT_REFUSALS, *REFUSALS, *ENDINGS),
    },
)
async def create_completion(
    body: CompletionBody, request: Request, state: StateDep, caller: ClientDep
) -> Response:
    """Continue raw text, which no chat template is put around."""
    if body.stream:
        await state.seats.check(caller.principal.user)
    call = call_of(request, state, streams=bool(body.stream))
    accepted = await accept(state, caller, to_request(body), "prompt", call)
    if body.stream:
        frames = partial(chunk_frames, job=accepted.job, shape=CompletionShape())
        return stream(state, accepted, frames)
    job = answer_or_raise(await ended(request, state, accepted))
    return JSONResponse(from_job(job), headers=accepted.headers)
