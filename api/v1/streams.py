"""The stream of a job that a client of /v1 asked for and waits for."""

from collections.abc import AsyncGenerator, Callable

from starlette.responses import Response

from api.follow import Follower, Patience
from api.leaving import EventStream
from api.state import State
from api.v1.calls import Accepted, leave
from api.v1.frames import place_headers


def stream(
    state: State,
    accepted: Accepted,
    frames: Callable[[Follower], AsyncGenerator[bytes]],
    offset: int = 0,
) -> Response:
    """``frames`` of the job after its first ``offset`` tokens, until it ends."""
    patience = Patience(state.settings.sse_keepalive_seconds)
    job = accepted.job
    follower = Follower(state.jobs, state.watcher, patience, job.user, job.id, offset)

    async def on_leave() -> None:
        await leave(state, accepted)

    headers = {**accepted.headers, **place_headers(accepted.snapshot)}
    return EventStream(frames(follower), on_leave, state.metrics.streams, headers)
