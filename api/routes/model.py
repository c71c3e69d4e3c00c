"""The model that is loaded."""

from typing import Any

from fastapi import APIRouter

from api.answers import ModelBody
from api.deps import StateDep
from api.openapi import problems
from api.problems import ModelUnavailable

router = APIRouter(tags=["model"])


@router.get(
    "/model/info",
    responses={200: {"model": ModelBody}, **problems(ModelUnavailable)},
)
async def model_info(state: StateDep) -> dict[str, Any]:
    """The model, its quantization and speed, and the settings that it runs under."""
    cluster = await state.cluster.state()
    if not cluster.ready:
        raise ModelUnavailable(cluster.trouble, retry_after=10)
    worker = cluster.ready[0]
    own = {
        "max_queue_size": state.settings.max_queue_size,
        "request_timeout": state.settings.request_timeout,
    }
    settings = {**worker.info.get("settings", {}), **own}
    return {"worker_id": worker.id, **worker.info, "settings": settings}
