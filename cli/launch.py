"""What comes before waiting: free ports, a model, and the processes."""

import subprocess
import sys
from collections.abc import Mapping

from cli.flower import flower_login
from cli.ports import is_taken, next_free
from cli.settings import LauncherSettings, child_environment
from cli.stack import Stack
from cli.state import make_directories
from cli.supervisor import Supervisor
from cli.valkey import find_server
from common.settings import EngineName


class NotStartedError(Exception):
    """Why nothing was started, in one line."""


def launch(
    settings: LauncherSettings, supervisor: Supervisor, made: Mapping[str, str] | None = None
) -> None:
    """Start every process under the supervisor, with the variables that were made for it.

    Raises:
        NotStartedError: a port is taken, or the model cannot be had.
        SupervisorError: the supervisor refused.
    """
    check_ports(settings)
    make_directories(settings.state)
    if needs_model(settings):
        fetch_model()
    flower_login(settings)
    stack = Stack.of(settings, next_free(settings.metrics_port))
    stack.write()
    supervisor.start({**environment(settings, stack, supervisor), **(made or {})})


def check_ports(settings: LauncherSettings) -> None:
    """Refuse to start on a port that somebody else listens on."""
    wanted = [
        ("API_PORT", settings.api_port, settings.api_host),
        ("FLOWER_PORT", settings.flower_port, "127.0.0.1"),
    ]
    if settings.embedded:
        wanted.append(("REDIS_PORT", settings.redis_port, "127.0.0.1"))
    taken = [(name, port, host) for name, port, host in wanted if is_taken(port, host)]
    if taken:
        others = " ".join(f"{name}={next_free(port + 1, host)}" for name, port, host in taken)
        ports = ", ".join(str(port) for _, port, _ in taken)
        raise NotStartedError(f"Taken by another program: port {ports}. Try: make run {others}")


def needs_model(settings: LauncherSettings) -> bool:
    """Whether the engine reads files; openai needs at most a tokenizer, if MODEL names one."""
    if settings.engine is EngineName.OPENAI:
        return bool(settings.model)
    return settings.engine is not EngineName.ECHO


def fetch_model() -> None:
    """Get the model's files; the workshop tells on stderr how that goes."""
    command = [sys.executable, "-m", "quantization", "fetch"]
    result = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if result.returncode != 0:
        raise NotStartedError("The model could not be fetched.")


def environment(settings: LauncherSettings, stack: Stack, supervisor: Supervisor) -> dict[str, str]:
    """What the supervisor's configuration and its programs read."""
    return child_environment(
        {
            "API_HOST": settings.api_host,
            "API_PORT": str(settings.api_port),
            "CARAVAN_APPENDFSYNC": settings.appendfsync,
            "CARAVAN_EMBEDDED": str(settings.embedded).lower(),
            "CARAVAN_PYTHON": sys.executable,
            "CARAVAN_SOCKET": str(supervisor.socket),
            "CARAVAN_OTHER_METRICS_PORT": str(next_free(stack.metrics_port + 1)),
            "FLOWER_URL": stack.flower_url,
            "CARAVAN_VALKEY": str(find_server()) if settings.embedded else "",
            "METRICS_PORT": str(stack.metrics_port),
            "REDIS_PORT": str(settings.redis_port),
            "REDIS_URL": settings.broker_url,
            "STATE_DIR": str(settings.state),
        }
    )
