"""Native batches."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.batches.native import batch_response, hold_batch, take_in_batch
from api.batches.problems import BatchEnded, BatchNotFound, TooManyBatches
from api.batches.progress import progress_frames
from api.batches.views import BatchBody, BatchListBody, batch_view, page_view
from api.deps import CallerDep, PrincipalDep, StateDep, WaitDep
from api.files.problems import FilesUnavailable
from api.leaving import EventStream
from api.limits import TooManyStreams
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, After, Limit
from api.refusals import SUBMIT_REFUSALS
from api.requests.batch import ExplainBatchRequest

router = APIRouter(tags=["batches"])


@router.post(
    "/explain/batch",
    status_code=202,
    responses={
        200: {"model": BatchBody, "description": "Ended within `Prefer: wait=N`"},
        202: {"model": BatchBody, "description": "Accepted: poll, wait or stream"},
        **problems(*SUBMIT_REFUSALS, TooManyBatches, FilesUnavailable),
    },
)
async def explain_batch(
    body: ExplainBatchRequest, request: Request, state: StateDep, caller: CallerDep
) -> Response:
    """Submit many contexts at once."""
    return await take_in_batch(request, state, caller, body, "requests")


@router.get(
    "/batches",
    responses={
        200: {"model": BatchListBody},
    },
)
async def list_batches(
    state: StateDep, principal: PrincipalDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """Your batches, newest first."""
    found, more = await state.batching.batches.page(principal.user, limit, after, "")
    return page_view([batch_view(batch, jobs=False) for batch in found], more)


@router.get(
    "/batches/{batch_id}",
    responses={
        200: {"model": BatchBody},
        **problems(BatchNotFound),
    },
)
async def get_batch(
    batch_id: str, request: Request, state: StateDep, principal: PrincipalDep, wait: WaitDep
) -> Response:
    """One batch as it is; with `Prefer: wait=N` once it has ended, or after N seconds."""
    batch = await state.batching.batches.get(principal.user, batch_id)
    headers = {}
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait}"
        batch = await hold_batch(request, state, batch, wait)
    return batch_response(batch, 200, headers)


@router.post(
    "/batches/{batch_id}/cancel",
    responses={
        200: {"model": BatchBody, "description": "The batch: what has ended stays"},
        **problems(BatchNotFound, BatchEnded),
    },
)
async def cancel_batch(batch_id: str, state: StateDep, principal: PrincipalDep) -> Response:
    """Run no further request of a batch."""
    return batch_response(await state.batching.batches.cancel(principal.user, batch_id), 200, {})


@router.get(
    "/batches/{batch_id}/events",
    responses={
        200: {
            "description": "`progress`, and at last `done`, which holds the batch",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(BatchNotFound, TooManyStreams),
    },
)
async def stream_batch(batch_id: str, state: StateDep, principal: PrincipalDep) -> Response:
    """Follow a batch until it has ended."""
    await state.batching.batches.get(principal.user, batch_id)
    frames = progress_frames(
        state.batching.batches,
        state.watcher,
        principal.user,
        batch_id,
        state.settings.sse_keepalive_seconds,
    )

    async def on_leave() -> None:
        """The batch goes on."""

    return EventStream(frames, on_leave, state.metrics.streams)
