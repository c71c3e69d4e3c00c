"""A job as a stream of events."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from api.deps import ReaderDep, StateDep
from api.follow import Follower, Patience
from api.intake import Held, abandon
from api.leaving import EventStream
from api.limits import TooManyStreams
from api.openapi import problems
from api.problems import JobGone, JobNotFound
from api.stream import job_frames

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs/{job_id}/events",
    responses={
        200: {
            "description": "`status`, `token`, `usage` and at last `done`, which holds the job",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(JobNotFound, JobGone, TooManyStreams),
    },
)
async def stream_job(
    job_id: str,
    state: StateDep,
    reader: ReaderDep,
    last_event_id: Annotated[
        str | None, Header(description="The last event you have; the stream goes on after it")
    ] = None,
    starting_after: Annotated[int, Query(ge=0, description="The same, as a parameter")] = 0,
) -> Response:
    """Follow a job from any point: replayed from the record, then live until it ends."""
    held = Held.of(await state.jobs.get(reader.user, job_id))
    offset = starting_after
    if last_event_id and last_event_id.isdecimal():
        offset = int(last_event_id[:18])
    patience = Patience(state.settings.sse_keepalive_seconds)
    follower = Follower(state.jobs, state.watcher, patience, reader.user, job_id, offset)

    async def on_leave() -> None:
        await abandon(state, held)

    return EventStream(job_frames(follower), on_leave, state.metrics.streams)
