"""What the gateway reads from its environment."""

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from api.exposure import ExposureSettings
from api.guard.policy import GuardedRoute, Policies, Policy
from api.identity.settings import TokenSettings
from api.prices import ModelPrice
from common.settings import AppEnv, Port

DEFAULT_PASSWORD = "admin123"  # noqa: S105 - documented, and refused outside development
MOST_TOKEN_SECONDS = 900
MIN_PASSWORD_CHARACTERS = 8


def _decoded(value: Any) -> Any:
    """JSON of the environment; ValueError, and so one line, where it is none."""
    return json.loads(value) if isinstance(value, str) else value


class ApiSettings(TokenSettings, ExposureSettings):
    """Every knob of the gateway."""

    api_host: str = Field("127.0.0.1", description="where the gateway listens")
    api_port: Port = Field(8000, description="its port")
    max_body_bytes: int = Field(
        1_048_576, ge=1024, le=1_073_741_824, description="of a request, uploads excepted"
    )

    max_batch_lines: int = Field(50_000, ge=1, le=1_000_000, description="requests of a batch")
    max_batches_per_user: int = Field(10, ge=1, le=1000, description="unfinished ones")
    max_file_bytes: int = Field(209_715_200, ge=1024, description="of an upload to /v1/files")
    files_dir: Path | None = Field(
        None, description="of files, shared by gateways; STATE_DIR/files"
    )
    files_url: str | None = Field(
        None, pattern=r"^s3://[^/]+", description="for files: s3://bucket/prefix"
    )
    file_ttl_seconds: int = Field(
        2_592_000, ge=3600, le=31_536_000, description="how long an upload is kept"
    )

    max_queue_size: int = Field(100, ge=1, le=1_000_000, description="waiting jobs; more are shed")
    max_jobs_per_user: int = Field(100, ge=1, le=1_000_000, description="unfinished jobs of one")
    rate_limit_per_minute: int = Field(100, ge=1, le=1_000_000, description="jobs a user submits")
    health_rate_limit_per_minute: int = Field(
        10, ge=1, le=1_000_000, description="GET /health without a token"
    )
    request_timeout: int = Field(60, ge=1, le=86_400, description="run time of a job in seconds")
    result_ttl_seconds: int = Field(86_400, ge=60, le=604_800, description="life of a result")

    prompt_guard: Policy = Field(Policy.FLAG, description="what becomes of suspected injections")
    prompt_guard_routes: Annotated[
        dict[GuardedRoute, Policy], NoDecode, BeforeValidator(_decoded)
    ] = Field(
        default_factory=dict,
        description='routes with a policy of their own: {"/generate": "block"}',
    )

    admin_username: str = Field(
        "admin", pattern=r"^[A-Za-z0-9._@-]{1,64}$", description="the first user"
    )
    admin_password: SecretStr = Field(
        SecretStr(DEFAULT_PASSWORD), description="the first user's; another one in production"
    )

    sse_keepalive_seconds: float = Field(
        15.0, gt=0, le=3600, description="silence in a stream before a comment is sent"
    )
    flower_url: str | None = Field(
        None, pattern=r"^https?://", description="where the console's link to Flower leads"
    )
    price_per_1k_tokens: float = Field(
        0.0, ge=0, le=1000, description="USD, of models without a price"
    )
    model_prices: Annotated[dict[str, ModelPrice], NoDecode, BeforeValidator(_decoded)] = Field(
        default_factory=dict,
        max_length=32,
        description='USD for 1,000 tokens: {"echo": {"prompt": 0.1, "completion": 0.2}}',
    )

    @property
    def guard_policies(self) -> Policies:
        """What the prompt guard does where."""
        return Policies(self.prompt_guard, self.prompt_guard_routes)

    @property
    def has_default_password(self) -> bool:
        """Whether the first user still has the password that everybody knows."""
        return self.admin_password.get_secret_value() == DEFAULT_PASSWORD

    @model_validator(mode="after")
    def _refuse_what_is_unsafe(self) -> "ApiSettings":
        if self.app_env is AppEnv.PRODUCTION:
            if self.jwt_secret is None and self.jwt_private_key is None:
                raise ValueError(
                    "JWT_SECRET is not set; APP_ENV=production needs it (openssl rand -hex 32), "
                    "or JWT_PRIVATE_KEY"
                )
            if self.access_token_seconds > MOST_TOKEN_SECONDS:
                raise ValueError(
                    f"ACCESS_TOKEN_SECONDS is {self.access_token_seconds}; with APP_ENV=production "
                    f"it may be {MOST_TOKEN_SECONDS} at most"
                )
            if self.has_default_password:
                raise ValueError(
                    "ADMIN_PASSWORD is the default one; with APP_ENV=production set another"
                )
            if len(self.admin_password.get_secret_value()) < MIN_PASSWORD_CHARACTERS:
                raise ValueError(
                    f"ADMIN_PASSWORD is too short; with APP_ENV=production it needs at least "
                    f"{MIN_PASSWORD_CHARACTERS} characters"
                )
        if self.has_default_password and self.trusted_proxies:
            raise ValueError(
                "TRUSTED_PROXIES lets others in while ADMIN_PASSWORD is the default one; set it"
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
