"""What the launcher reads from its environment."""

import os
import ssl
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from common.settings import CommonSettings, Port

#: The documented password of a first run; the gateway allows it on a loopback address only.
DEFAULT_PASSWORD = "admin123"  # noqa: S105


class LauncherSettings(CommonSettings):
    """Where everything listens, and who asks the first question."""

    api_host: str = Field("127.0.0.1", description="where the gateway listens")
    api_port: Port = Field(8000, description="its port")
    tls_cert: Path | None = Field(None, description="certificate chain of the gateway (PEM)")
    metrics_port: Port = Field(9090, description="of the first inference worker")
    flower_host: str = Field("127.0.0.1", description="where Flower listens")
    flower_port: Port = Field(5555, description="its port")
    redis_port: Port = Field(6380, description="of the Valkey that `make run` starts")
    appendfsync: Literal["everysec", "always"] = Field(
        "everysec", description="of that Valkey; always loses nothing even when the host crashes"
    )
    admin_username: str = Field("admin", description="who asks the first question")
    admin_password: SecretStr = Field(SecretStr(DEFAULT_PASSWORD), description="with this password")
    jwt_secret: SecretStr | None = Field(None, description="signs access tokens; the gateway's")
    flower_url_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9/._-]*$", description="path before Flower's, behind a proxy"
    )
    flower_username: str = Field("caravan", description="Flower's login")
    flower_password: SecretStr | None = Field(None, description="made once if not given")
    files_dir: Path | None = Field(None, description="what `make backup` saves of files")
    files_url: str | None = Field(None, description="files in S3 have backups of their own")
    startup_timeout_seconds: float = Field(600.0, gt=0, description="until `make run` gives up")

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
        scheme = "https" if self.tls_cert else "http"
        return f"{scheme}://{'127.0.0.1' if every_address else self.api_host}:{self.api_port}"

    @property
    def gateway_tls(self) -> ssl.SSLContext | bool:
        """How the gateway's certificate is checked: on this machine it is TLS_CERT itself."""
        if self.tls_cert is None:
            return True
        context = ssl.create_default_context(cafile=str(self.tls_cert))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
        return context

    @property
    def state(self) -> Path:
        """STATE_DIR, absolute: every process means the same directory."""
        return self.state_dir.resolve()


def child_environment(changes: dict[str, str]) -> dict[str, str]:
    """This process's environment with changes, for the processes that it starts.

    A secret that is among the changes is not also named by its file.
    """
    environment = {**os.environ, **changes}
    for name in changes:
        environment.pop(f"{name}_FILE", None)
    return environment
