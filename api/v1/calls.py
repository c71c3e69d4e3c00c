"""From a checked body to a job, and from a job to its answer: what the routes of /v1 share."""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Request
from redis.exceptions import RedisError
from structlog.contextvars import bind_contextvars

from api.deps import Caller, OriginDep, PrincipalDep
from api.intake import Held, abandon
from api.jobs import Submitted
from api.leaving import ClientLeft, while_connected
from api.problems import InvalidRequest, NotSupported
from api.state import State
from api.submission import Call, Submission, work_of
from api.v1.asked import ViewRequest
from api.v1.problems import ContextLengthExceeded, InvalidParameter
from api.views import Snapshot
from common import keys
from common.job import Api, Job, new_job_id
from common.prompt import Prompt

log = structlog.get_logger()

#: An outage of the store that a waiting client is kept through.
OUTAGE_SECONDS = 60.0
RECHECK_SECONDS = 1.0
_HOUR = 3600.0

#: What responses call otherwise than the native API does.
_RESPONSE_FIELDS = {"response_format": "text.format", "logprobs": "top_logprobs"}
PREFIXES = {Api.CHAT: "chatcmpl-", Api.COMPLETIONS: "cmpl-", Api.RESPONSES: "resp_"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that was accepted; ``call`` is who waits for it, if anybody does."""

    snapshot: Snapshot
    headers: dict[str, str]
    call: Call | None

    @property
    def job(self) -> Job:
        """The job as it was then."""
        return self.snapshot.job


async def client(principal: PrincipalDep, origin: OriginDep) -> Caller:
    """Who submits, and from where."""
    return Caller(principal, origin, wait=None)


ClientDep = Annotated[Caller, Depends(client)]


def call_of(request: Request, state: State, *, streams: bool) -> Call:
    """The client as a waiter. The SDK says which try this is, and never retries a stream."""
    said = request.headers.get("x-stainless-retry-count", "")
    retry = int(said) if said.isdecimal() and len(said) < 6 else None  # noqa: PLR2004
    answerable = retry is not None and not streams
    return Call(state.presence.waiter(), retry or 0, answerable, streams)


async def accept(
    state: State,
    caller: Caller,
    wanted: tuple[ViewRequest, Prompt],
    prompt_field: str,
    call: Call | None,
) -> Accepted:
    """Submit. Raises Problem; ``prompt_field`` is to blame for a prompt that is too long."""
    body, prompt = wanted
    state.jobs.floods.check(caller.principal.user)
    await state.models.find(body.asked["model"])
    try:
        tokens = await state.counter.count(prompt, prompt_field)
    except InvalidRequest as problem:
        kind = ContextLengthExceeded if problem.errors[0]["limit"] else InvalidParameter
        raise kind.like(problem) from problem
    submission = Submission(
        principal=caller.principal,
        kind=body.job_kind,
        request=body,
        work=work_of(body, prompt),
        prompt_tokens=tokens,
        origin=caller.origin,
        job_id=new_job_id(PREFIXES[body.api]),
        call=call,
        awaited=call is not None and not call.streams,
    )
    submitted = await _submit(state, submission)
    bind_contextvars(job_id=submitted.snapshot.job.id)
    headers = submitted.headers
    if submitted.snapshot.job.id != submission.job_id:
        headers["Idempotency-Replayed"] = "true"
    return Accepted(submitted.snapshot, headers, call)


async def _submit(state: State, submission: Submission) -> Submitted:
    try:
        return await state.jobs.submit(submission)
    except NotSupported as problem:
        named = _RESPONSE_FIELDS.get(problem.errors[0]["field"])
        if submission.request.route != Api.RESPONSES or named is None:
            raise
        error = {**problem.errors[0], "field": named}
        raise NotSupported(f"{named} {error['message']}.", errors=[error]) from problem


async def ended(request: Request, state: State, accepted: Accepted) -> Job:
    """The job once it has ended, however long that takes. Raises ClientLeft."""
    try:
        job = await while_connected(request.scope, request.receive, _outlast(state, accepted.job))
    except ClientLeft:
        await leave(state, accepted)
        raise
    if accepted.call is not None:
        await state.scripts("leave", job.id, accepted.call.waiter, "answered", 0)
    return job


async def _outlast(state: State, job: Job) -> Job:
    """Wait for the end, through outages of the store."""
    patience = time.monotonic() + OUTAGE_SECONDS
    while True:
        try:
            seen = await state.jobs.wait(job.user, job.id, _HOUR)
            if seen.job.status.terminal:
                return seen.job
            patience = time.monotonic() + OUTAGE_SECONDS
        except RedisError:
            if time.monotonic() >= patience:
                raise
            await asyncio.sleep(RECHECK_SECONDS)


async def leave(state: State, accepted: Accepted) -> None:
    """The client is gone: its job goes on for a retry that may come, or ends if it wants that.

    Who only looks on has no say, unless nobody ever waited for the job.
    """
    call, job = accepted.call, accepted.job
    if call is None:
        alone = bool(job.asked.get("background"))
    else:
        alone = await _left(state, job, call) and not call.answerable
    if alone:
        await abandon(state, Held.of(accepted.snapshot))


async def _left(state: State, job: Job, call: Call) -> bool:
    """Whether it was this client that the job was waited for by."""
    grace_ms = keys.RETRY_SECONDS * 1000 if call.answerable else 0
    try:
        return bool(await state.scripts("leave", job.id, call.waiter, "left", grace_ms))
    except RedisError as error:
        log.warning("nobody knows yet that a client left", error=str(error))
        return False
