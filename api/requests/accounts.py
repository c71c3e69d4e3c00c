"""One's own account: sessions, password, API keys."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, StringConstraints

from api.identity.roles import Scope
from api.schemas import LIMITS, Body, SpokenText, length
from api.settings import DEFAULT_PASSWORD

_NEW = LIMITS["new password"]


def _not_the_default(password: SecretStr) -> SecretStr:
    if password.get_secret_value() == DEFAULT_PASSWORD:
        raise ValueError("is the one that everybody knows")
    return password


NewPassword = Annotated[
    SecretStr,
    Field(min_length=int(_NEW.minimum), max_length=int(_NEW.maximum)),
    AfterValidator(_not_the_default),
]
AnyPassword = Annotated[SecretStr, Field(min_length=1, max_length=int(_NEW.maximum))]


class RefreshRequest(Body):
    """A refresh token, which can be used once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": "rt_9pQe1xWm5Yk3LrT7"}]}
    )

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class LogoutRequest(Body):
    """Which sessions to end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"everywhere": True}]})

    everywhere: bool = Field(False, description="All of yours, not only this one")


class PasswordRequest(Body):
    """The password as it is and as it shall be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"current_password": "a long sentence", "new_password": "another long sentence"}
            ]
        }
    )

    current_password: AnyPassword
    new_password: NewPassword


class ApiKeyRequest(Body):
    """An API key."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "nightly report", "scopes": ["read", "write"]}]}
    )

    name: Annotated[str, length("key name"), SpokenText] = Field(description="What it is for")
    scopes: list[Scope] = Field(
        [Scope.READ, Scope.WRITE],
        min_length=1,
        max_length=len(Scope),
        description="What it may do; no more than its owner",
    )
    expires_in_days: int | None = Field(
        None, ge=1, le=3650, strict=True, description="How long it is good; without, until deleted"
    )
