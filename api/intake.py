"""From a checked body to an accepted job's answer: what /generate and /explain share."""

from dataclasses import dataclass

import structlog
from fastapi import Request
from redis.exceptions import RedisError
from starlette.responses import JSONResponse, Response
from structlog.contextvars import bind_contextvars

from api.deps import Caller
from api.guard.problems import PromptRefused
from api.jobs import Submitted
from api.leaving import ClientLeft, while_connected
from api.limits import TooManyTokens
from api.problems import (
    BadRequest,
    BodyTooLarge,
    BudgetExceeded,
    DeadlineUnmeetable,
    InvalidJson,
    InvalidRequest,
    JobEnded,
    KeyReused,
    ModelUnavailable,
    QueueFull,
    RateLimited,
    RedisUnavailable,
    StoreFull,
    TooManyJobs,
    Unauthorized,
    UnsupportedMediaType,
)
from api.requests.job import JobRequest
from api.state import State
from api.submission import Submission
from api.views import Snapshot, job_view
from common.job import OnDisconnect

log = structlog.get_logger()

#: What a submit may be refused with.
REFUSALS = (
    BadRequest,
    InvalidJson,
    Unauthorized,
    BudgetExceeded,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidRequest,
    PromptRefused,
    KeyReused,
    RateLimited,
    TooManyJobs,
    TooManyTokens,
    QueueFull,
    DeadlineUnmeetable,
    ModelUnavailable,
    RedisUnavailable,
    StoreFull,
)


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
        caller.principal, body.job_kind, body, prompt, tokens, caller.origin, job_id
    )
    submitted = await state.jobs.submit(submission)
    known = submitted.replayed and job_id is not None
    return await answer(request, state, submitted, caller.wait, 200 if known else 202)


async def answer(
    request: Request, state: State, submitted: Submitted, wait: int | None, unfinished: int = 202
) -> Response:
    """The job's answer, held back up to ``wait`` seconds: 200 if it has ended by then."""
    snapshot, headers = submitted.snapshot, submitted.headers
    bind_contextvars(job_id=snapshot.job.id)
    headers["Location"] = f"/jobs/{snapshot.job.id}"
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
    if wait is None:
        return job_response(snapshot, unfinished, headers)
    headers["Preference-Applied"] = f"wait={wait}"
    if not snapshot.job.status.terminal:
        snapshot = await hold(request, state, Held.of(snapshot), wait)
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


async def hold(request: Request, state: State, held: Held, seconds: int) -> Snapshot:
    """The job once it has ended, or as it is then. Raises ClientLeft."""
    try:
        return await while_connected(
            request.scope, request.receive, state.jobs.wait(held.user, held.job_id, seconds)
        )
    except ClientLeft:
        await abandon(state, held)
        raise


async def abandon(state: State, held: Held) -> None:
    """A client left: cancel the job, if it wants that and nobody else here waits for it."""
    wants_cancel = held.on_disconnect is OnDisconnect.CANCEL
    if wants_cancel and not state.watcher.watched(held.job_id):
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
