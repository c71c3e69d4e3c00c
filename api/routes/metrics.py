"""What Prometheus scrapes."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from api.deps import StateDep
from api.said import SaidByWorkers
from api.scraping import scraper
from api.state import State
from common.census import Census
from common.exposition import render

router = APIRouter(tags=["health"])

Scope = Annotated[
    Literal["process"] | None,
    Query(description="`process`: only what this gateway counted itself"),
]


@router.get(
    "/metrics",
    dependencies=[Depends(scraper)],
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request, state: StateDep, scope: Scope = None) -> Response:
    """The gateway's metrics, and unless told otherwise those of the whole service."""
    own = state.metrics.registry
    parts = [own] if scope else [own, *await _whole_service(state)]
    page, content_type = render(parts, request.headers.get("accept", ""))
    return Response(page, headers={"content-type": content_type})


async def _whole_service(state: State) -> tuple[Census, SaidByWorkers]:
    try:
        answer = await state.scripts("census")
        workers = (await state.cluster.state()).inference
    except RedisError:
        return Census(None), SaidByWorkers([])
    return Census(answer), SaidByWorkers(workers)
