"""Whether the service is alive, ready and well."""

from typing import Any

from fastapi import APIRouter, Request
from redis.exceptions import RedisError
from starlette.responses import JSONResponse, Response

from api.answers import HealthBody, ReadyBody
from api.checks import Checks, check
from api.deps import MaybePrincipalDep, StateDep
from api.metrics import service_version
from api.openapi import problems
from api.overview import overview
from api.problems import RateLimited, RedisUnavailable
from api.rate import count_anonymous
from api.statistics import HistoryBody, MinuteBody, StatusBody

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """This process answers."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    responses={200: {"model": ReadyBody}, 503: {"model": ReadyBody, "description": "Not ready"}},
)
async def readyz(state: StateDep) -> Response:
    """A job submitted now would run: Redis is there, and a worker with its model."""
    checks = await check(state)
    body = {"ready": checks.ready, "checks": checks.view()}
    return JSONResponse(body, 200 if checks.ready else 503)


@router.get(
    "/health",
    responses={
        200: {"model": HealthBody},
        503: {"model": HealthBody, "description": "Redis is down"},
        **problems(RateLimited),
    },
)
async def health(request: Request, state: StateDep, principal: MaybePrincipalDep) -> Response:
    """How the service is; 10 requests a minute for callers without a token."""
    if principal is None:
        try:
            await count_anonymous(state, request)
        except RedisError:
            return _health(Checks.redis_down())
    return _health(await check(state))


def _health(checks: Checks) -> JSONResponse:
    body: dict[str, Any] = {
        "status": checks.health,
        "version": service_version(),
        "checks": checks.view(),
    }
    return JSONResponse(body, 503 if checks.state is None else 200)


@router.get("/status", responses={200: {"model": StatusBody}, **problems(RedisUnavailable)})
async def status(state: StateDep) -> dict[str, Any]:
    """Workers, their model, queues, and how the last 1, 5 and 15 minutes went."""
    return overview(await state.cluster.state(), await state.pulse.windows())


@router.get("/status/history", responses=problems(RedisUnavailable))
async def history(state: StateDep) -> HistoryBody:
    """The last hour, a minute at a time."""
    return HistoryBody(data=[MinuteBody(**minute) for minute in await state.pulse.history()])
