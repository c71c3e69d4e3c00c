"""Settings that every process reads; the others' settings extend them.

Nothing here is instantiated at import: each process builds its settings once, in its
``__main__``, and passes them down.
"""

import re
import sys
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.addresses import Network


class AppEnv(StrEnum):
    """Whether conveniences for a developer's machine are allowed."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class EngineName(StrEnum):
    """The engines; ``auto`` chooses by the model and the machine."""

    AUTO = "auto"
    TRANSFORMERS = "transformers"
    LLAMACPP = "llamacpp"
    OPENAI = "openai"
    ECHO = "echo"


Port = Annotated[int, Field(ge=1, le=65535)]

#: A key of fewer bytes could be guessed.
MIN_KEY_BYTES = 32


class CommonSettings(BaseSettings):
    """Read from the environment by every process."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    app_env: AppEnv = AppEnv.DEVELOPMENT
    redis_url: str = Field("redis://127.0.0.1:6380/0", pattern=r"^(rediss?|unix)://")
    state_dir: Path = Path("var")
    engine: EngineName = EngineName.AUTO
    model: str | None = Field(None, validation_alias=AliasChoices("model", "model_path"))
    upstream_url: str = Field("", pattern=r"^(https?://\S+)?$", description="of ENGINE=openai")
    n_ctx: int = Field(4096, ge=128, le=1_048_576, description="context in tokens, per job")
    max_concurrent_requests: int = Field(3, ge=1, le=256, description="slots of a worker")
    preemption: bool = Field(True, description="low jobs make room for urgent and high ones")
    webhook_key: SecretStr | None = Field(None, description="seals secrets; made once if not set")
    webhook_allow_networks: str = Field("", description="CIDRs that webhooks may reach anyhow")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    debug: bool = False
    prometheus_enabled: bool = True

    @property
    def effective_log_level(self) -> str:
        """DEBUG=true wins over LOG_LEVEL."""
        return "DEBUG" if self.debug else self.log_level

    @property
    def allowed_networks(self) -> tuple[Network, ...]:
        """The networks of WEBHOOK_ALLOW_NETWORKS."""
        return _networks(self.webhook_allow_networks)

    @field_validator("webhook_allow_networks")
    @classmethod
    def _only_networks(cls, value: str) -> str:
        _networks(value)
        return value

    @model_validator(mode="after")
    def _upstream_is_known(self) -> Self:
        if self.engine is EngineName.OPENAI and not self.upstream_url:
            raise ValueError(
                "ENGINE=openai needs UPSTREAM_URL, the address of an OpenAI-compatible server "
                "such as http://127.0.0.1:8080/v1"
            )
        return self

    @field_validator("webhook_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        have = len(value.get_secret_value().encode()) if value else MIN_KEY_BYTES
        if have < MIN_KEY_BYTES:
            raise ValueError(f"has {have} bytes; it needs at least {MIN_KEY_BYTES}")
        return value


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


S = TypeVar("S", bound=CommonSettings)


def read_settings(settings: type[S]) -> S:
    """Read the environment. Exits with status 2 and a line for each setting that is wrong."""
    try:
        return settings()
    except ValidationError as error:
        for item in error.errors(include_url=False):
            print(_sentence(item), file=sys.stderr)  # noqa: T201 - there are no logs yet
        raise SystemExit(2) from None


def _sentence(item: Any) -> str:
    """The variable, its value and the limit, in one line; no secret is shown."""
    message = item["msg"].removeprefix("Value error, ")
    if not item["loc"]:
        return f"error: {message}"
    name = str(item["loc"][0]).upper()
    value = re.sub(r"//[^/@]*@", "//***@", str(item["input"]))
    if name.endswith(("KEY", "SECRET", "PASSWORD")):
        value = "***"
    return f"error: {name}={value}: {message}"
