"""The models, as OpenAI lists them."""

from typing import Any

from fastapi import APIRouter

from api.deps import PrincipalDep, StateDep
from api.problems import ModelUnavailable
from api.refusals import problems
from api.v1.answers import ModelListBody, ModelObject
from api.v1.problems import ModelNotFound

router = APIRouter(prefix="/v1/models", tags=["openai"])
_REFUSALS = problems(ModelUnavailable)


@router.get("", responses={200: {"model": ModelListBody}, **_REFUSALS})
async def list_models(state: StateDep, _principal: PrincipalDep) -> dict[str, Any]:
    """The models that workers serve, newest first."""
    return {"object": "list", "data": [model.view() for model in await state.models.all()]}


@router.get(
    "/{model:path}",
    responses={
        200: {"model": ModelObject},
        **problems(ModelNotFound, ModelUnavailable),
    },
)
async def get_model(model: str, state: StateDep, _principal: PrincipalDep) -> dict[str, Any]:
    """One of them."""
    return (await state.models.find(model)).view()
