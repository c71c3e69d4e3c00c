"""From a checked body to an accepted job's answer: what /generate and /explain share."""

from contextlib import nullcontext
from dataclasses import dataclass

import structlog
from fastapi import Request
from redis.exceptions import RedisError
from starlette.responses import JSONResponse, Response
from structlog.contextvars import bind_contextvars

from api.deps import Caller
from api.jobs import Submitted
from api.leaving import ClientLeft, while_connected
from api.problems import JobEnded
from api.requests.job import JobRequest
from api.state import State
from api.submission import Submission, work_of
from api.views import Snapshot, job_view
from api.waiter import Waiter
from common.job import OnDisconnect

log = structlog.get_logger()


async def take_in(
    request: Request, state: State, caller: Caller, body: JobRequest, job_id: str | None = None
) -> Response:
    """Submit, and answer 202 with the job, or 200 if it ended while the client waited.

    A ``job_id`` is the client's own: 200 too where it was there before. Raises Problem.
    """
    state.jobs.floods.check(caller.principal.user)
    prompt = body.to_prompt(state.fence)
    tokens = await state.counter.count(prompt, body.prompt_field)
    submission = Submission(
        caller.principal,
        body.job_kind,
        body,
        work_of(body, prompt),
        tokens,
        caller.origin,
        job_id,
        awaited=caller.wait is not None,
    )
    with state.jobs.expecting(submission.id) if submission.awaited else nullcontext() as ear:
        submitted = await state.jobs.submit(submission)
        known = submitted.replayed and job_id is not None
        mine = ear if submitted.snapshot.job.id == submission.id else None
        return await answer(request, state, submitted, caller.wait, 200 if known else 202, mine)


async def answer(
    request: Request,
    state: State,
    submitted: Submitted,
    wait: int | None,
    unfinished: int = 202,
    ear: Waiter | None = None,
) -> Response:
    """The job's answer, held back up to ``wait`` seconds: 200 if it has ended by then.

    ``ear`` has listened to the job since before it was there.
    """
    snapshot, headers = submitted.snapshot, submitted.headers
    bind_contextvars(job_id=snapshot.job.id)
    headers["Location"] = f"/jobs/{snapshot.job.id}"
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
    if wait is None:
        return job_response(snapshot, unfinished, headers)
    headers["Preference-Applied"] = f"wait={wait}"
    if not snapshot.job.status.terminal:
        snapshot = await hold(request, state, Held.of(snapshot), wait, ear)
    status = 200 if snapshot.job.status.terminal else unfinished
    return job_response(snapshot, status, headers)


async def look(
    request: Request, state: State, user: str, job_id: str, wait: int | None
) -> tuple[Snapshot, dict[str, str]]:
    """The job as it is, or once it has ended; with the headers that say which. Raises Problem."""
    snapshot = await state.jobs.get(user, job_id)
    if wait is None:
        return snapshot, {}
    if not snapshot.job.status.terminal:
        held = Held.of(snapshot)
        del snapshot  # thousands may wait here for long
        snapshot = await hold(request, state, held, wait)
    return snapshot, {"Preference-Applied": f"wait={wait}"}


@dataclass(frozen=True, slots=True)
class Held:
    """A job that a client waits for: as much of it as must be known when the client goes."""

    user: str
    job_id: str
    on_disconnect: OnDisconnect

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Held":
        """That job."""
        job = snapshot.job
        return cls(job.user, job.id, job.on_disconnect)


async def hold(
    request: Request, state: State, held: Held, seconds: int, ear: Waiter | None = None
) -> Snapshot:
    """The job once it has ended, or as it is then. Raises ClientLeft."""
    try:
        return await while_connected(
            request.scope, request.receive, state.jobs.wait(held.user, held.job_id, seconds, ear)
        )
    except ClientLeft:
        await abandon(state, held, ear)
        raise


async def abandon(state: State, held: Held, ear: Waiter | None = None) -> None:
    """A client (its ``ear``) left: cancel the job, if it wants that and nobody else waits here."""
    wants_cancel = held.on_disconnect is OnDisconnect.CANCEL
    if wants_cancel and not state.watcher.watched(held.job_id, ear):
        try:
            await state.jobs.cancel(held.user, held.job_id)
        except JobEnded:
            pass
        except RedisError as error:
            log.warning("a job that nobody wants goes on", job_id=held.job_id, error=str(error))


def job_response(snapshot: Snapshot, status: int, headers: dict[str, str]) -> JSONResponse:
    """The job, its version, and when to ask again."""
    headers["ETag"] = snapshot.etag
    if not snapshot.job.status.terminal:
        headers["Retry-After"] = str(snapshot.retry_after)
    return JSONResponse(job_view(snapshot), status, headers=headers)
