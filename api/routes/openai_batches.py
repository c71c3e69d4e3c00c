"""Batches, as the OpenAI API has them."""

import hashlib
import json
from typing import Any

from fastapi import APIRouter

from api.batches.batches import BatchRequest
from api.batches.endpoints import ENDPOINTS
from api.batches.openai_body import BatchCreateBody, OpenAIBatchBody, OpenAIBatchListBody
from api.batches.problems import BatchEnded, BatchNotFound, TooManyBatches
from api.batches.views import openai_view, page_view
from api.deps import OriginDep, PrincipalDep, StateDep
from api.files.problems import FileNotFound
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, After, Limit
from api.problems import InvalidRequest
from api.refusals import SUBMIT_REFUSALS
from common.queues import Priority

#: As the records of its batches say.
API = "batches"

router = APIRouter(prefix="/v1/batches", tags=["openai"])


@router.post(
    "",
    responses={
        200: {"model": OpenAIBatchBody},
        **problems(*SUBMIT_REFUSALS, FileNotFound, TooManyBatches),
    },
)
async def create_batch(
    body: BatchCreateBody, state: StateDep, principal: PrincipalDep, origin: OriginDep
) -> Any:
    """Run the lines of an uploaded file as capacity permits, within 24 hours."""
    file = await state.batching.files.get(principal.user, body.input_file_id)
    if file.purpose != "batch":
        raise InvalidRequest.about("input_file_id", "a file for batches", file.id, "is another's")
    expiry = body.output_expires_after
    submitted = await state.batching.batches.submit(
        principal,
        origin,
        BatchRequest(
            api=API,
            endpoint=body.endpoint,
            kind=ENDPOINTS[body.endpoint].kind,
            priority=Priority.LOW,
            input_file=file,
            digest=_digest(body),
            metadata=body.metadata or {},
            output_ttl_seconds=expiry.seconds if expiry else 0,
        ),
    )
    return openai_view(submitted.batch)


@router.get(
    "",
    responses={
        200: {"model": OpenAIBatchListBody},
    },
)
async def list_batches(
    state: StateDep, principal: PrincipalDep, limit: Limit = DEFAULT_LIMIT, after: After = None
) -> dict[str, Any]:
    """Your batches, newest first."""
    found, more = await state.batching.batches.page(principal.user, limit, after, API)
    return page_view([openai_view(batch) for batch in found], more)


@router.get(
    "/{batch_id}",
    responses={
        200: {"model": OpenAIBatchBody},
        **problems(BatchNotFound),
    },
)
async def get_batch(batch_id: str, state: StateDep, principal: PrincipalDep) -> Any:
    """One batch; its counts move and its files grow while it runs."""
    return openai_view(await state.batching.batches.get(principal.user, batch_id))


@router.post(
    "/{batch_id}/cancel",
    responses={
        200: {"model": OpenAIBatchBody},
        **problems(BatchNotFound, BatchEnded),
    },
)
async def cancel_batch(batch_id: str, state: StateDep, principal: PrincipalDep) -> Any:
    """Run no further line; what has ended stays in the output file."""
    return openai_view(await state.batching.batches.cancel(principal.user, batch_id))


def _digest(body: BatchCreateBody) -> str:
    same = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(same.encode()).hexdigest()
