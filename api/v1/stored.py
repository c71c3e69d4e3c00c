"""Responses that were stored."""

from contextlib import suppress

from api.problems import JobEnded, JobGone, JobNotFound
from api.state import State
from api.v1.problems import ResponseNotFound
from api.views import Snapshot
from common.job import Api


async def find(state: State, user: str, response_id: str) -> Snapshot:
    """A stored response of this user. Raises ResponseNotFound."""
    try:
        snapshot = await state.jobs.get(user, response_id)
    except (JobNotFound, JobGone):
        snapshot = None
    if (
        snapshot is None
        or snapshot.job.api is not Api.RESPONSES
        or snapshot.job.asked.get("store") is False
    ):
        raise ResponseNotFound(f"There is no response {response_id[:100]!r}.")
    return snapshot


async def erase(state: State, user: str, response_id: str) -> None:
    """Forget it, ended or not. Raises redis.RedisError."""
    with suppress(JobEnded):
        await state.jobs.cancel(user, response_id)
    await state.jobs.erase(user, response_id)
