"""The models that may be asked for: those that workers serve."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.counting import ModelFiles
from api.problems import ModelUnavailable
from api.served import Served, Serving
from api.v1.problems import ModelNotFound
from common.artifact import ArtifactError, open_artifact, resolve_model
from common.settings import EngineName


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model, and when it was loaded, in seconds since 1970 (0: not yet)."""

    name: str
    created: int

    @classmethod
    def of(cls, served: Served) -> "ServedModel":
        """As its worker describes it."""
        loaded = datetime.fromisoformat(served.loaded_at).timestamp() if served.loaded_at else 0
        return cls(served.name, int(loaded))

    def view(self) -> dict[str, Any]:
        """The model object of the API."""
        return {
            "id": self.name,
            "object": "model",
            "created": self.created,
            "owned_by": "caravan",
        }


class Models:
    """Looks at the workers; before there is one, at MODEL."""

    def __init__(self, serving: Serving, files: ModelFiles) -> None:
        self._serving = serving
        self._files = files

    async def all(self) -> list[ServedModel]:
        """Each name once, the newest first. Raises ModelUnavailable."""
        return await self._named(await self._serving.models())

    async def find(self, name: str) -> ServedModel:
        """The model of this name. Raises ModelNotFound, ModelUnavailable.

        A name that was not seen is looked for once more: its worker may have come since.
        """
        served = {model.name: model for model in await self.all()}
        if name not in served:
            models = await self._named(await self._serving.look())
            served = {model.name: model for model in models}
        if name not in served:
            known = ", ".join(served)
            error = {"field": "model", "limit": known, "value": name, "message": "is not served"}
            raise ModelNotFound(
                f"The model {name!r} does not exist here: there is {known}.", errors=[error]
            )
        return served[name]

    async def _named(self, models: Sequence[Served]) -> list[ServedModel]:
        seen = [ServedModel.of(served) for served in models]
        if not seen:
            return [ServedModel(await asyncio.to_thread(_expected, self._files), 0)]
        return list({model.name: model for model in seen}.values())


def _expected(files: ModelFiles) -> str:
    """The name of what a worker will serve once there is one."""
    if files.engine is EngineName.ECHO:
        return files.engine.value
    try:
        return open_artifact(resolve_model(files.model, files.engine, files.state_dir)).name
    except ArtifactError as error:
        raise ModelUnavailable(str(error), retry_after=10) from error
