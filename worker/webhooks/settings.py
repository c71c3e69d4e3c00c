"""What the webhook worker reads from its environment, beside the other workers' settings."""

from pydantic import Field, field_validator

from common.settings import CommonSettings

#: Standard Webhooks 1.0: ten attempts in a little over three days.
SCHEDULE = "0,5,300,1800,7200,18000,36000,50400,72000,86400"
MAX_DELAY_SECONDS = 30 * 86_400


class WebhookSettings(CommonSettings):
    """When to try, how long to wait, how much at once."""

    webhook_retry_schedule: str = Field(SCHEDULE, description="seconds before each attempt")
    webhook_timeout_seconds: float = Field(
        15.0, gt=0, le=60, description="of one attempt at a delivery, all in all"
    )
    webhook_concurrency: int = Field(32, ge=1, le=1024, description="sends at once, of a worker")
    webhook_endpoint_concurrency: int = Field(4, ge=1, le=1024, description="to one endpoint")
    public_url: str = Field(
        "",
        pattern=r"^(https?://\S+[^/\s])?$",
        description="the gateway's address for clients, put before the paths in webhooks",
    )
    webhook_disable_after_seconds: int = Field(
        432_000, ge=1, description="until a failing endpoint is off"
    )

    @property
    def retry_schedule(self) -> tuple[float, ...]:
        """Seconds before each attempt, the first included."""
        return _seconds(self.webhook_retry_schedule)

    @field_validator("webhook_retry_schedule")
    @classmethod
    def _numbers(cls, value: str) -> str:
        if any(not 0 <= delay <= MAX_DELAY_SECONDS for delay in _seconds(value)):
            raise ValueError(f"each is to be from 0 to {MAX_DELAY_SECONDS} seconds")
        return value


def _seconds(text: str) -> tuple[float, ...]:
    """The numbers of ``5, 300``. Raises ValueError if there is none, or something else."""
    return tuple(float(part) for part in text.split(","))
