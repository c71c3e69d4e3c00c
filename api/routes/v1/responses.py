"""Responses: made at once or in the background, read and streamed as often as one likes."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from api.deps import PrincipalDep, StateDep
from api.limits import TooManyStreams
from api.problems import JobEnded
from api.refusals import SUBMIT_REFUSALS, problems
from api.v1.answers import DeletedBody, InputItemsBody, ResponseObject, streams_too
from api.v1.calls import Accepted, ClientDep, accept, call_of, ended
from api.v1.pages import page_of
from api.v1.problems import REFUSALS, ResponseNotFound
from api.v1.response_events import response_frames, tokens_known
from api.v1.response_view import from_job, input_items, live
from api.v1.responses import ResponseBody, to_request
from api.v1.stored import erase, find
from api.v1.streams import stream

router = APIRouter(prefix="/v1/responses", tags=["openai"])

_STREAM = "the events of `response.*`"
_MISSES = problems(ResponseNotFound)


@router.post(
    "",
    responses={200: streams_too(ResponseObject, _STREAM), **problems(*SUBMIT_REFUSALS, *REFUSALS)},
)
async def create_response(
    body: ResponseBody, request: Request, state: StateDep, caller: ClientDep
) -> Response:
    """Answer when the queue lets it; in the background at once, with a response to come."""
    if body.stream:
        await state.seats.check(caller.principal.user)
    waits = body.stream or not body.background
    call = call_of(request, state, streams=bool(body.stream)) if waits else None
    accepted = await accept(state, caller, to_request(body), "input", call)
    if body.stream:
        return stream(state, accepted, response_frames)
    if body.background:
        return JSONResponse(live(accepted.snapshot), headers=accepted.headers)
    return JSONResponse(from_job(await ended(request, state, accepted)), headers=accepted.headers)


@router.get(
    "/{response_id}",
    responses={
        200: streams_too(ResponseObject, _STREAM),
        **_MISSES,
        **problems(TooManyStreams),
    },
)
async def get_response(
    response_id: str,
    state: StateDep,
    principal: PrincipalDep,
    stream_it: Annotated[bool, Query(alias="stream", description="As events")] = False,
    starting_after: Annotated[
        int, Query(ge=-1, description="The last `sequence_number` that you have")
    ] = -1,
    include: Annotated[list[str] | None, Query(description="Ignored: all is included")] = None,  # noqa: ARG001
    include_obfuscation: Annotated[bool, Query(description="Ignored: nothing is")] = False,  # noqa: ARG001
) -> Response:
    """One response as it is, or all of its events, those to come included."""
    snapshot = await find(state, principal.user, response_id)
    if not stream_it:
        return JSONResponse(live(snapshot))
    frames = partial(response_frames, starting_after=starting_after)
    return stream(state, Accepted(snapshot, {}, None), frames, tokens_known(starting_after))


@router.post("/{response_id}/cancel", responses={200: {"model": ResponseObject}, **_MISSES})
async def cancel_response(response_id: str, state: StateDep, principal: PrincipalDep) -> Response:
    """End a response that waits or runs; one that has ended is answered as it is."""
    await find(state, principal.user, response_id)
    try:
        snapshot = await state.jobs.cancel(principal.user, response_id)
    except JobEnded:
        snapshot = await state.jobs.get(principal.user, response_id)
    return JSONResponse(from_job(snapshot.job))


@router.delete("/{response_id}", responses={200: {"model": DeletedBody}, **_MISSES})
async def delete_response(
    response_id: str, state: StateDep, principal: PrincipalDep
) -> dict[str, Any]:
    """Forget a response and its text; one that has not ended is cancelled first."""
    await find(state, principal.user, response_id)
    await erase(state, principal.user, response_id)
    return {"id": response_id, "object": "response.deleted", "deleted": True}


@router.get("/{response_id}/input_items", responses={200: {"model": InputItemsBody}, **_MISSES})
async def list_input_items(
    response_id: str,
    state: StateDep,
    principal: PrincipalDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(description="The last item that you have")] = None,
    order: Annotated[Literal["asc", "desc"], Query()] = "desc",
    include: Annotated[list[str] | None, Query(description="Ignored: all is included")] = None,  # noqa: ARG001
) -> dict[str, Any]:
    """What was sent as its input, newest first."""
    snapshot = await find(state, principal.user, response_id)
    items = input_items(snapshot.job)
    return page_of(items if order == "asc" else items[::-1], after, limit)
