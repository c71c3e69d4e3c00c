"""Another model or quantization, by name."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from api.schemas import Body, SpokenText, length
from common.settings import EngineName

Name = Annotated[str, length("model"), SpokenText]

_NO_NAME = re.compile(r"://|(^|/)\.{1,2}(/|$)|^//|[\\|$`;&<>\x00-\x1f]")


def _no_address(value: str) -> str:
    """Names, hub ids and plain paths; nothing that leads up or out, or means more to a shell."""
    if _NO_NAME.search(value):
        raise ValueError("is no folder of models, path or hub id")
    return value


ModelName = Annotated[Name, AfterValidator(_no_address)]


class ReloadRequest(Body):
    """What to load; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"quantization": "int8"}, {"model": "my-model-q8_0"}]}
    )

    model: ModelName | None = Field(
        None, description="As for MODEL: a folder of STATE_DIR/models, a path, or a hub id"
    )
    quantization: Name | None = Field(
        None, description="One that is there, or one that the engine makes while it loads"
    )
    engine: EngineName | None = Field(None, description="Another engine")
    workers: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Only these, by id, and only for as long as they live",
    )
    reset: bool = Field(False, description="Back to what the workers were started with")
