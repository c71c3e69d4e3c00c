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
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.addresses import Network
from common.logs import LogStyle
from common.secret_files import (
    SecretFileError,
    SecretFiles,
    completed_redis_url,
    secrets_of,
)
from common.tracing_settings import TracingSettings


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


class CommonSettings(TracingSettings):
    """Read from the environment by every process."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    app_env: AppEnv = Field(AppEnv.DEVELOPMENT, description="production refuses unsafe defaults")
    redis_url: str = Field(
        "redis://127.0.0.1:6380/0",
        pattern=r"^(rediss?|unix)://",
        description="the one primary server, with user and password; `make run` then starts none",
    )
    redis_password: SecretStr | None = Field(None, description="for a REDIS_URL without one")
    redis_ca: Path | None = Field(None, description="CA (PEM) of a server at rediss://")
    state_dir: Path = Field(Path("var"), description="models, jobs, logs, secrets")
    engine: EngineName = Field(EngineName.AUTO, description="auto goes by the model's format")
    model: str | None = Field(
        None,
        validation_alias=AliasChoices("model", "model_path"),
        description="a directory, a .gguf file or a hub id; SmolLM2-135M-Instruct if not set",
    )
    upstream_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="of ENGINE=openai: a compatible server, such as http://127.0.0.1:8080/v1",
    )
    n_ctx: int = Field(4096, ge=128, le=1_048_576, description="context of a job, in tokens")
    max_concurrent_requests: int = Field(3, ge=1, le=256, description="slots of a worker")
    preemption: bool = Field(
        True, description="low jobs make room for urgent ones, who has many slots for who has none"
    )
    webhook_key: SecretStr | None = Field(None, description="seals webhooks' secrets; made once")
    webhook_allow_networks: str = Field("", description="private CIDRs webhooks may reach")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="the least that is logged"
    )
    debug: bool = Field(False, description="true logs everything, whatever LOG_LEVEL says")
    log_format: Literal["json", "text"] = Field("json", description="text is for people")
    log_prompts: bool = Field(False, description="logs what users and models say, cut short")
    log_prompt_characters: int = Field(
        500, ge=1, le=10_000, description="of one prompt or answer, with LOG_PROMPTS"
    )
    prometheus_enabled: bool = Field(True, description="false serves no /metrics")

    @property
    def effective_log_level(self) -> str:
        """DEBUG=true wins over LOG_LEVEL."""
        return "DEBUG" if self.debug else self.log_level

    @property
    def log_style(self) -> LogStyle:
        """How this process logs."""
        return LogStyle(
            level=self.effective_log_level,
            plain=self.log_format == "text",
            prompt_characters=self.log_prompt_characters if self.log_prompts else 0,
            secrets=tuple(secrets_of(self)),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, and the files that it names."""
        variables = getattr(env_settings, "env_vars", {})
        return init_settings, env_settings, SecretFiles(settings_cls, variables)

    @model_validator(mode="before")
    @classmethod
    def _complete_redis_url(cls, given: dict[str, Any]) -> dict[str, Any]:
        password, ca = given.get("redis_password"), given.get("redis_ca")
        if not (password or ca):
            return given
        if "redis_url" not in given:
            raise ValueError("REDIS_PASSWORD and REDIS_CA need a REDIS_URL")
        if isinstance(password, SecretStr):
            password = password.get_secret_value()
        url = completed_redis_url(str(given["redis_url"]), password, ca and str(ca))
        return {**given, "redis_url": url}

    @property
    def allowed_networks(self) -> tuple[Network, ...]:
        """The networks of WEBHOOK_ALLOW_NETWORKS."""
        return networks(self.webhook_allow_networks)

    @field_validator("webhook_allow_networks")
    @classmethod
    def _only_networks(cls, value: str) -> str:
        networks(value)
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


def networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


S = TypeVar("S", bound=CommonSettings)


def read_settings(settings: type[S]) -> S:
    """Read the environment. Exits with status 2 and a line for each setting that is wrong."""
    try:
        return settings()
    except SecretFileError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there are no logs yet
        raise SystemExit(2) from None
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
    if name.removesuffix("_PREVIOUS").endswith(("KEY", "SECRET", "PASSWORD", "TOKEN")):
        value = "***"
    return f"error: {name}={value}: {message}"
