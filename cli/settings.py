"""What the launcher reads from its environment."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from common.settings import CommonSettings, Port

#: The documented password of a first run; the gateway allows it on a loopback address only.
DEFAULT_PASSWORD = "admin123"  # noqa: S105


class LauncherSettings(CommonSettings):
    """Where everything listens, and who asks the first question."""

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    metrics_port: Port = 9090
    flower_host: str = "127.0.0.1"
    flower_port: Port = 5555
    redis_port: Port = 6380
    appendfsync: Literal["everysec", "always"] = "everysec"
    admin_username: str = "admin"
    admin_password: SecretStr = SecretStr(DEFAULT_PASSWORD)
    flower_username: str = "caravan"
    flower_password: SecretStr | None = Field(None, description="made once if not given")
    startup_timeout_seconds: float = Field(600.0, gt=0)

    @property
    def embedded(self) -> bool:
        """Whether we run the Valkey server: nobody named another with REDIS_URL."""
        return "redis_url" not in self.model_fields_set

    @property
    def broker_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0" if self.embedded else self.redis_url

    @property
    def gateway_url(self) -> str:
        """The gateway's address as this machine reaches it."""
        every_address = self.api_host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        return f"http://{'127.0.0.1' if every_address else self.api_host}:{self.api_port}"

    @property
    def state(self) -> Path:
        """STATE_DIR, absolute: every process means the same directory."""
        return self.state_dir.resolve()


def child_environment(changes: dict[str, str]) -> dict[str, str]:
    """This process's environment with changes, for the processes that it starts."""
    return {**os.environ, **changes}
