"""What the gateway reads from its environment."""

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from api.guard.policy import GuardedRoute, Policies, Policy
from api.prices import ModelPrice
from common.settings import AppEnv, CommonSettings, Port

DEFAULT_PASSWORD = "admin123"  # noqa: S105 - documented, and refused outside development
MIN_SECRET_BYTES = 32
MOST_TOKEN_SECONDS = 900


def _decoded(value: Any) -> Any:
    """JSON of the environment; ValueError, and so one line, where it is none."""
    return json.loads(value) if isinstance(value, str) else value


class ApiSettings(CommonSettings):
    """Every knob of the gateway."""

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    max_body_bytes: int = Field(1_048_576, ge=1024, le=1_073_741_824)

    max_batch_lines: int = Field(50_000, ge=1, le=1_000_000, description="requests of a batch")
    max_batches_per_user: int = Field(10, ge=1, le=1000, description="unfinished batches")
    max_file_bytes: int = Field(209_715_200, ge=1024, description="of an upload to /v1/files")
    files_dir: Path | None = Field(None, description="shared by gateways; STATE_DIR/files if unset")
    files_url: str | None = Field(None, pattern=r"^s3://[^/]+", description="s3://bucket/prefix")
    file_ttl_seconds: int = Field(2_592_000, ge=3600, le=31_536_000)

    max_queue_size: int = Field(100, ge=1, le=1_000_000, description="waiting jobs")
    max_jobs_per_user: int = Field(100, ge=1, le=1_000_000, description="unfinished jobs")
    rate_limit_per_minute: int = Field(100, ge=1, le=1_000_000, description="submits of a user")
    health_rate_limit_per_minute: int = Field(10, ge=1, le=1_000_000, description="of an address")
    request_timeout: int = Field(60, ge=1, le=86_400, description="run time of a job in seconds")
    result_ttl_seconds: int = Field(86_400, ge=60, le=604_800)

    prompt_guard: Policy = Field(Policy.FLAG, description="what is done about found injections")
    prompt_guard_routes: Annotated[
        dict[GuardedRoute, Policy], NoDecode, BeforeValidator(_decoded)
    ] = Field(default_factory=dict, description="routes with a policy of their own")

    jwt_secret: SecretStr | None = None
    jwt_secret_previous: SecretStr | None = None
    access_token_seconds: int = Field(900, ge=1, le=86_400)
    refresh_token_seconds: int = Field(1_209_600, ge=60, le=31_536_000)
    admin_username: str = Field("admin", pattern=r"^[A-Za-z0-9._@-]{1,64}$")
    admin_password: SecretStr = SecretStr(DEFAULT_PASSWORD)

    sse_keepalive_seconds: float = Field(15.0, gt=0, le=3600)
    price_per_1k_tokens: float = Field(0.0, ge=0, le=1000, description="USD, of any other model")
    model_prices: Annotated[dict[str, ModelPrice], NoDecode, BeforeValidator(_decoded)] = Field(
        default_factory=dict, max_length=32, description="USD for 1,000 tokens, by model"
    )

    @property
    def guard_policies(self) -> Policies:
        """What the prompt guard does where."""
        return Policies(self.prompt_guard, self.prompt_guard_routes)

    @property
    def previous_secret(self) -> str | None:
        """The signing key before this one, whose tokens are still good."""
        previous = self.jwt_secret_previous
        return previous.get_secret_value() if previous else None

    @property
    def has_default_password(self) -> bool:
        """Whether the first user still has the password that everybody knows."""
        return self.admin_password.get_secret_value() == DEFAULT_PASSWORD

    @model_validator(mode="after")
    def _refuse_what_is_unsafe(self) -> "ApiSettings":
        secret = self.jwt_secret.get_secret_value() if self.jwt_secret else ""
        if self.app_env is AppEnv.PRODUCTION:
            if len(secret.encode()) < MIN_SECRET_BYTES:
                raise ValueError(
                    f"JWT_SECRET has {len(secret.encode())} bytes; with APP_ENV=production it "
                    f"needs at least {MIN_SECRET_BYTES} (openssl rand -hex 32)"
                )
            previous = self.previous_secret
            if previous is not None and len(previous.encode()) < MIN_SECRET_BYTES:
                raise ValueError(f"JWT_SECRET_PREVIOUS needs at least {MIN_SECRET_BYTES} bytes too")
            if self.access_token_seconds > MOST_TOKEN_SECONDS:
                raise ValueError(
                    f"ACCESS_TOKEN_SECONDS is {self.access_token_seconds}; with APP_ENV=production "
                    f"it may be {MOST_TOKEN_SECONDS} at most"
                )
            if self.has_default_password:
                raise ValueError(
                    "ADMIN_PASSWORD is the default one; with APP_ENV=production set another"
                )
        if self.has_default_password and not is_loopback(self.api_host):
            raise ValueError(
                f"API_HOST={self.api_host} is reachable from outside while ADMIN_PASSWORD is the "
                "default one; set ADMIN_PASSWORD, or API_HOST=127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
