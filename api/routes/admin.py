"""Commands to the workers, and what an operator wants to see at once."""

from typing import Any

from fastapi import APIRouter

from api.answers import CommandBody
from api.deps import AdminDep, ObserverDep, StateDep
from api.identity.audit import audit
from api.overview import overview
from api.period import PeriodDep
from api.state import State
from api.statistics import StatsBody
from api.usage import Usage, grouped
from common import keys
from common.commands import Command, Verb

router = APIRouter(prefix="/admin", tags=["admin"])


@router.post("/warmup", status_code=202)
async def warm_up(state: StateDep, admin: AdminDep) -> CommandBody:
    """Run a short generation through every slot of every worker, beside its jobs."""
    audit("model.warmup", admin.user)
    return await _command(state, Verb.WARMUP)


@router.get("/stats", responses={200: {"model": StatsBody}})
async def stats(state: StateDep, _observer: ObserverDep, period: PeriodDep) -> dict[str, Any]:
    """What /status says, every job that ended so far, and everybody's usage in some days."""
    cluster = await state.cluster.state()
    lines = await state.usage.of_all(period.first, period.last)
    return {
        **overview(cluster, await state.pulse.windows()),
        "dead": await state.redis.zcard(keys.DEAD),
        "ended": [
            {"kind": kind, "priority": priority, "status": status, "jobs": jobs}
            for (kind, priority, status), jobs in sorted(cluster.totals.items())
        ],
        "usage": {
            "start_date": period.first,
            "end_date": period.last,
            "totals": Usage.total(line.usage for line in lines).view(),
            "users": grouped(lines, "user"),
            "models": grouped(lines, "model"),
        },
    }


async def _command(state: State, verb: Verb) -> CommandBody:
    command = Command(verb)
    workers = await state.redis.publish(keys.COMMANDS_CHANNEL, command.to_json())
    return CommandBody(id=command.id, command=verb, workers=workers)
