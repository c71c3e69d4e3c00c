"""Flower, the view of Celery's workers and tasks (docs/flower.md)."""

from typing import Any

from cli.settings import LauncherSettings
from cli.state import secret
from common.broker import create_celery


def flower_login(settings: LauncherSettings) -> tuple[str, str]:
    """User and password of Flower; the password is made once and kept under STATE_DIR."""
    if settings.flower_password is not None:
        return settings.flower_username, settings.flower_password.get_secret_value()
    return settings.flower_username, secret(settings.state, "flower-password")


def flower_options(settings: LauncherSettings) -> list[str]:
    """Flower's options. They stay in this process: its command line shows no password."""
    return [
        f"--port={settings.flower_port}",
        f"--address={settings.flower_host}",
        f"--url-prefix={settings.flower_url_prefix.strip('/')}",
        "--basic-auth=" + ":".join(flower_login(settings)),
        "--persistent=true",
        f"--db={settings.state / 'flower' / 'flower.db'}",
        "--state-save-interval=10000",
        "--max-tasks=10000",
        "--tasks-columns=uuid,name,args,state,received,started,runtime,worker",
    ]


def lock_metrics() -> None:
    """Ask for the password at /metrics too: Flower leaves it open, and it names every worker."""
    from flower import urls
    from flower.views.monitor import Metrics
    from tornado.web import authenticated

    class LockedMetrics(Metrics):  # type: ignore[misc]
        @authenticated
        async def get(self) -> None:
            await super().get()

    def locked(handler: Any) -> Any:
        return (handler[0], LockedMetrics) if handler[1:] == (Metrics,) else handler

    urls.handlers[:] = [locked(h) if isinstance(h, tuple) else h for h in urls.handlers]


def run_flower(settings: LauncherSettings) -> None:
    """Serve Flower until SIGTERM."""
    lock_metrics()
    create_celery(settings.broker_url).start(["flower", *flower_options(settings)])
