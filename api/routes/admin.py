"""Commands to the workers, and what an operator wants to see at once."""

from typing import Any

from fastapi import APIRouter

from api.answers import CommandBody, StatsBody
from api.deps import AdminDep, StateDep
from api.openapi import problems
from api.overview import overview
from api.problems import Forbidden, RedisUnavailable, Unauthorized
from api.state import State
from common import keys
from common.commands import Command, Verb

router = APIRouter(prefix="/admin", tags=["admin"])

_REFUSALS = problems(Unauthorized, Forbidden, RedisUnavailable)


@router.post("/warmup", status_code=202, responses=_REFUSALS)
async def warm_up(state: StateDep, _admin: AdminDep) -> CommandBody:
    """Run a short generation through every slot of every worker, beside its jobs."""
    return await _command(state, Verb.WARMUP)


@router.post("/reload", status_code=202, responses=_REFUSALS)
async def reload(state: StateDep, _admin: AdminDep) -> CommandBody:
    """Load the model anew, one worker after the other; no job is lost or failed by it."""
    return await _command(state, Verb.RELOAD)


@router.get("/stats", responses={200: {"model": StatsBody}, **_REFUSALS})
async def stats(state: StateDep, _admin: AdminDep) -> dict[str, Any]:
    """Workers, queues, pace, and every job that ended so far."""
    cluster = await state.cluster.state()
    return {
        **overview(cluster),
        "dead": await state.redis.zcard(keys.DEAD),
        "ended": [
            {"kind": kind, "priority": priority, "status": status, "jobs": jobs}
            for (kind, priority, status), jobs in sorted(cluster.totals.items())
        ],
    }


async def _command(state: State, verb: Verb) -> CommandBody:
    command = Command(verb)
    workers = await state.redis.publish(keys.COMMANDS_CHANNEL, command.to_json())
    return CommandBody(id=command.id, command=verb, workers=workers)
