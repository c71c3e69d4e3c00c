"""Chat completions."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.deps import StateDep
from api.refusals import SUBMIT_REFUSALS, problems
from api.v1.answers import ChatCompletionBody, streams_too
from api.v1.calls import ClientDep, accept, call_of, ended
from api.v1.chat import ChatBody, from_job, to_request
from api.v1.chunks import ChatShape, chunk_frames
from api.v1.outcome import ENDINGS, answer_or_raise
from api.v1.problems import REFUSALS
from api.v1.streams import stream

router = APIRouter(tags=["openai"])


@router.post(
    "/v1/chat/completions",
    responses={
        200: streams_too(ChatCompletionBody, "chunks, then `[DONE]`"),
        **problems(*SUBMIT_REFUSALS, *REFUSALS, *ENDINGS),
    },
)
async def create_chat_completion(
    body: ChatBody, request: Request, state: StateDep, caller: ClientDep
) -> Response:
    """Answer a conversation, when the queue lets it; or stream the answer."""
    if body.stream:
        await state.seats.check(caller.principal.user)
    call = call_of(request, state, streams=bool(body.stream))
    accepted = await accept(state, caller, to_request(body), "messages", call)
    if body.stream:
        frames = partial(chunk_frames, job=accepted.job, shape=ChatShape())
        return stream(state, accepted, frames)
    job = answer_or_raise(await ended(request, state, accepted))
    return JSONResponse(from_job(job), headers=accepted.headers)
