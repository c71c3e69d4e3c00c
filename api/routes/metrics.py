"""What Prometheus scrapes."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError
from starlette.responses import Response

from api.deps import StateDep

router = APIRouter(tags=["health"])


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
async def metrics(state: StateDep) -> Response:
    """The gateway's metrics, and what Redis says if it can be asked."""
    try:
        cluster = await state.cluster.state()
    except RedisError:
        cluster = None
    return Response(state.metrics.expose(cluster), media_type=CONTENT_TYPE_LATEST)
