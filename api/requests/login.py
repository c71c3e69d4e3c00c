"""Logging in."""

from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from api.schemas import LIMITS, Body, length


class LoginRequest(Body):
    """A user name and its password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "admin", "password": "admin123"}]}
    )

    username: Annotated[str, length("username")]
    password: SecretStr = Field(min_length=1, max_length=int(LIMITS["password"].maximum))
