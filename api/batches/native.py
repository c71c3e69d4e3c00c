"""A native request for many jobs: it becomes an input file like any other batch's."""

import asyncio
import hashlib
import json
from typing import Any, ClassVar, Protocol

from fastapi import Request
from starlette.responses import JSONResponse, Response

from api.batches.batch import Batch
from api.batches.batches import BatchRequest, SubmittedBatch
from api.batches.views import batch_view
from api.deps import Caller
from api.files.files import File, new_file_id
from api.leaving import while_connected
from api.problems import InvalidRequest
from api.state import State
from api.webhooks.destination import check_destination
from common.job import JobKind
from common.queues import Priority


class Many(Protocol):
    """A request for many jobs."""

    job_kind: ClassVar[JobKind]
    priority: Priority
    metadata: dict[str, str]
    webhook_url: str | None

    def record_webhook(self) -> str:
        """Who is told of the batch's end."""

    def bodies(self) -> list[dict[str, Any]]:
        """The body of each job."""


async def take_in_batch(
    request: Request, state: State, caller: Caller, body: Many, field: str
) -> Response:
    """Submit, and answer 202 with the batch, or 200 if it ended while the client waited.

    ``field`` holds the requests. Raises Problem.
    """
    check_destination("webhook_url", body.webhook_url, state.settings)
    bodies = body.bodies()
    limit = state.settings.max_batch_lines
    if len(bodies) > limit:
        raise InvalidRequest.about(
            field, f"1..{limit} items", len(bodies), f"has {len(bodies)} items; {limit} are allowed"
        )
    submitted = await _submit(state, caller, body, bodies)
    batch, headers = submitted.batch, submitted.headers
    headers["Location"] = f"/batches/{batch.id}"
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
    if caller.wait is not None:
        headers["Preference-Applied"] = f"wait={caller.wait}"
        batch = await hold_batch(request, state, batch, caller.wait)
    status = 200 if batch.status.terminal and caller.wait is not None else 202
    return batch_response(batch, status, headers)


async def hold_batch(request: Request, state: State, batch: Batch, seconds: int) -> Batch:
    """The batch once it has ended, or as it is then. Raises ClientLeft."""
    waiting = state.batching.batches.wait(batch.user, batch.id, seconds)
    return await while_connected(request.scope, request.receive, waiting)


def batch_response(batch: Batch, status: int, headers: dict[str, str]) -> JSONResponse:
    """The batch, its version, and when to ask again."""
    headers["ETag"] = f'W/"{batch.revision}"'
    if not batch.status.terminal:
        headers["Retry-After"] = "2"
    return JSONResponse(batch_view(batch), status, headers=headers)


async def _submit(
    state: State, caller: Caller, body: Many, bodies: list[dict[str, Any]]
) -> SubmittedBatch:
    files = state.batching.files
    lines = await asyncio.to_thread(_lines, f"/{body.job_kind.value}", bodies)
    file_id = new_file_id()
    try:
        await files.content.write(file_id, 0, lines)
    except OSError as error:
        raise files.unavailable(error) from error
    kept = await files.add(
        file_id,
        caller.principal.user,
        filename="requests.jsonl",
        purpose="batch",
        size=len(lines),
        listed=False,
    )
    wanted = _wanted(body, kept, lines)
    try:
        submitted = await state.batching.batches.submit(caller.principal, caller.origin, wanted)
    except BaseException:
        await files.delete(kept)
        raise
    if submitted.replayed:
        await files.delete(kept)
    return submitted


def _wanted(body: Many, file: File, lines: bytes) -> BatchRequest:
    same = [body.priority, body.metadata, body.record_webhook()]
    return BatchRequest(
        api="",
        endpoint=f"/{body.job_kind.value}",
        kind=body.job_kind,
        priority=body.priority,
        input_file=file,
        digest=hashlib.sha256(json.dumps(same, sort_keys=True).encode() + lines).hexdigest(),
        metadata=body.metadata,
        webhook=body.record_webhook(),
    )


def _lines(endpoint: str, bodies: list[dict[str, Any]]) -> bytes:
    """The requests as the lines of an input file."""
    asked = (
        {"custom_id": str(number), "method": "POST", "url": endpoint, "body": body}
        for number, body in enumerate(bodies)
    )
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in asked)
