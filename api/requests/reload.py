"""Another model or quantization, by name."""

from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas import Body, SpokenText, length
from common.settings import EngineName

Name = Annotated[str, length("model"), SpokenText]


class ReloadRequest(Body):
    """What to load; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"quantization": "int8"}, {"model": "my-model-q8_0"}]}
    )

    model: Name | None = Field(
        None, description="As for MODEL: a folder of STATE_DIR/models, a path, or a hub id"
    )
    quantization: Name | None = Field(
        None, description="One that is there, or one that the engine makes while it loads"
    )
    engine: EngineName | None = Field(None, description="Another engine")
    workers: list[Name] | None = Field(
        None, min_length=1, description="Only these, by id, and only for as long as they live"
    )
    reset: bool = Field(False, description="Back to what the workers were started with")
