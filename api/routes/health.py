"""Whether the service is alive, ready and well."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from redis.exceptions import RedisError
from starlette.responses import JSONResponse, Response

from api.answers import HealthBody, LiveBody, ReadyBody
from api.checks import Checks, check
from api.deps import MaybePrincipalDep, StateDep
from api.openapi import problems
from api.overview import overview
from api.problems import RateLimited
from api.rate import count_anonymous
from api.statistics import HistoryBody, MinuteBody, StatusBody
from common.instruments import service_version

router = APIRouter(tags=["health"])

Scope = Annotated[
    Literal["process"] | None, Query(description="`process`: whether this gateway is ready itself")
]


@router.get(
    "/livez",
    responses={200: {"model": LiveBody}, 503: {"model": LiveBody, "description": "Not alive"}},
)
async def livez(request: Request) -> Response:
    """This process answers, and what it does on the side goes on."""
    ended = [task.get_name() for task in request.app.state.tasks if task.done()]
    if ended:
        return JSONResponse({"status": "dead", "detail": f"ended: {', '.join(ended)}"}, 503)
    return JSONResponse({"status": "alive"})


@router.get(
    "/readyz",
    responses={200: {"model": ReadyBody}, 503: {"model": ReadyBody, "description": "Not ready"}},
)
async def readyz(state: StateDep, scope: Scope = None) -> Response:
    """A job submitted now would run: Redis is there, and a worker with its model.

    With `scope=process` it is enough that this gateway would queue it: what a load balancer asks.
    """
    checks = await check(state)
    ready = checks.accepting if scope else checks.ready
    return JSONResponse({"ready": ready, "checks": checks.view()}, 200 if ready else 503)


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
    headers: dict[str, str] = {}
    if principal is None:
        try:
            headers = await count_anonymous(state, request)
        except RedisError:
            return _health(Checks.redis_down(), headers)
    return _health(await check(state), headers)


def _health(checks: Checks, headers: dict[str, str]) -> JSONResponse:
    body: dict[str, Any] = {
        "status": checks.health,
        "version": service_version(),
        "checks": checks.view(),
    }
    return JSONResponse(body, 503 if checks.state is None else 200, headers)


@router.get("/status", responses={200: {"model": StatusBody}})
async def status(state: StateDep) -> dict[str, Any]:
    """Workers, their model, queues, and how the last 1, 5 and 15 minutes went."""
    return overview(await state.cluster.state(), await state.pulse.windows())


@router.get("/status/history")
async def history(state: StateDep) -> HistoryBody:
    """The last hour, a minute at a time."""
    return HistoryBody(data=[MinuteBody(**minute) for minute in await state.pulse.history()])
