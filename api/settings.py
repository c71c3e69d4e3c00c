"""What the gateway reads from its environment."""

from ipaddress import ip_address

from pydantic import Field, SecretStr, model_validator

from common.settings import AppEnv, CommonSettings, Port

DEFAULT_PASSWORD = "admin123"  # noqa: S105 - documented, and refused outside development
MIN_SECRET_BYTES = 32


class ApiSettings(CommonSettings):
    """Every knob of the gateway."""

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    max_body_bytes: int = Field(1_048_576, ge=1024, le=1_073_741_824)

    max_queue_size: int = Field(100, ge=1, le=1_000_000, description="waiting jobs")
    max_jobs_per_user: int = Field(100, ge=1, le=1_000_000, description="unfinished jobs")
    rate_limit_per_minute: int = Field(100, ge=1, le=1_000_000, description="submits of a user")
    health_rate_limit_per_minute: int = Field(10, ge=1, le=1_000_000, description="of an address")
    request_timeout: int = Field(60, ge=1, le=86_400, description="run time of a job in seconds")
    result_ttl_seconds: int = Field(86_400, ge=60, le=604_800)

    jwt_secret: SecretStr | None = None
    access_token_seconds: int = Field(900, ge=1, le=86_400)
    admin_username: str = Field("admin", pattern=r"^[A-Za-z0-9._@-]{1,64}$")
    admin_password: SecretStr = SecretStr(DEFAULT_PASSWORD)

    sse_keepalive_seconds: float = Field(15.0, gt=0, le=3600)
    price_per_1k_tokens: float = Field(0.0, ge=0, description="USD, prompt and completion alike")

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
