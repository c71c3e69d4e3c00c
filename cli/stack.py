"""The running stack as a later command finds it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.flower import flower_login
from cli.production import PASSWORD_FILE
from cli.settings import DEFAULT_PASSWORD, LauncherSettings

FILE = Path("run") / "stack.json"


@dataclass(frozen=True, slots=True)
class Stack:
    """Where one stack listens and writes; no secrets."""

    state: str
    gateway_url: str
    flower_url: str
    metrics_port: int
    store: str

    @classmethod
    def of(cls, settings: LauncherSettings, metrics_port: int) -> "Stack":
        """The stack that these settings make."""
        return cls(
            state=str(settings.state),
            gateway_url=settings.gateway_url,
            flower_url=_flower_url(settings),
            metrics_port=metrics_port,
            store=settings.broker_url if settings.embedded else "the server of REDIS_URL",
        )

    @classmethod
    def read(cls, state: Path) -> "Stack":
        """The stack that runs from this state directory."""
        return cls(**json.loads((state / FILE).read_text()))

    def write(self) -> None:
        """Remember it for the next command."""
        (Path(self.state) / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")

    def describe(self, settings: LauncherSettings) -> str:
        """The table that ``up`` ends with."""
        user, password = flower_login(settings)
        rows = {
            "Console": f"{self.gateway_url} (the API: {self.gateway_url}/docs)",
            "Log in": f"{settings.admin_username} / {_shown(settings)}",
            "Flower": f"{self.flower_url} ({user} / {password})",
            "Metrics": f"{self.gateway_url}/metrics, http://127.0.0.1:{self.metrics_port}/metrics",
            "Valkey": self.store,
            "Logs": f"{self.state}/logs",
        }
        return "\n".join(f"  {name:<8} {value}" for name, value in rows.items())


def _flower_url(settings: LauncherSettings) -> str:
    prefix = settings.flower_url_prefix.strip("/")
    return f"http://127.0.0.1:{settings.flower_port}/{prefix}".rstrip("/")


def _shown(settings: LauncherSettings) -> str:
    if settings.admin_password.get_secret_value() == DEFAULT_PASSWORD:
        return f"{DEFAULT_PASSWORD}, for this machine only: ADMIN_PASSWORD sets another"
    made = settings.state / "secrets" / PASSWORD_FILE
    if made.exists() and made.read_text() == settings.admin_password.get_secret_value():
        return f"the password in {made}"
    return "the password of ADMIN_PASSWORD"
