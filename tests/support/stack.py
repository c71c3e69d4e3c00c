"""The product as real processes: Valkey, gateway, worker and maintenance on free ports."""

import os
import sys
from pathlib import Path
from typing import Any

import httpx

from cli.ports import any_free
from tests.support.processes import Process
from tests.support.store_users import EACH_ITS_USER, StoreUsers
from tests.support.valkey import ValkeyServer
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]

#: What a child may inherit; any other variable of this machine could change its settings.
INHERITED = ("HOME", "LANG", "PATH", "TMPDIR", "SSL_CERT_FILE")

#: Limits that no test hits by accident.
GENEROUS = {
    "HEALTH_RATE_LIMIT_PER_MINUTE": "100000",
    "MAX_JOBS_PER_USER": "100000",
    "RATE_LIMIT_PER_MINUTE": "100000",
}

USERNAME, PASSWORD = "admin", "admin123"


class Stack:
    """Starts, asks, kills and stops the processes of one service.

    Settings are environment variables and win over the generous defaults.
    """

    each_its_user = False  #: whether processes log in to the store as the users of users.acl

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        own = (EACH_ITS_USER or self.each_its_user) and "REDIS_URL" not in settings
        self.users = StoreUsers(directory) if own else None
        self.valkey = ValkeyServer(directory, *(self.users.options if self.users else ()))
        self.api_port = any_free()
        self.metrics_port = any_free()
        self.base_url = f"http://127.0.0.1:{self.api_port}"
        self.processes: dict[str, Process] = {}
        self.env = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **GENEROUS,
            "API_PORT": str(self.api_port),
            "METRICS_PORT": str(self.metrics_port),
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": self.valkey.url,
            "STATE_DIR": str(directory),
            **settings,
        }

    def start(self) -> None:
        """Start everything and wait until a job would be taken."""
        self.valkey.start()
        self.start_gateway()
        self.start_maintenance()
        self.start_worker()
        self.wait_until_ready()

    def start_gateway(self, name: str = "gateway", **settings: str) -> Process:
        """Start a gateway; a second one wants another name and another API_PORT."""
        return self._start(name, "api", **settings)

    def start_worker(self, name: str = "worker", **settings: str) -> Process:
        """Start an inference worker; a second one wants another name."""
        return self._start(name, "worker", "inference", **settings)

    def start_maintenance(self, **settings: str) -> Process:
        # The worker that starts after it is to have METRICS_PORT.
        settings = {"METRICS_PORT": str(any_free()), **settings}
        return self._start("maintenance", "worker", "maintenance", **settings)

    def start_webhooks(self, name: str = "webhooks", **settings: str) -> Process:
        """Start a webhook worker; a second one wants another name."""
        return self._start(name, "worker", "webhooks", **settings)

    def wait_until_ready(self, timeout_seconds: float = 120.0) -> None:
        """Return once /readyz says so; fail at once when a process has ended."""
        wait_until(self._ready, timeout_seconds, "readiness")

    def client(self, timeout_seconds: float = 60.0) -> httpx.Client:
        """A client of the gateway that nobody has logged in."""
        return httpx.Client(base_url=self.base_url, timeout=timeout_seconds, trust_env=False)

    def login(self, username: str = USERNAME, password: str = PASSWORD) -> httpx.Client:
        """A client that carries the user's access token."""
        body = {"username": username, "password": password}
        url = f"{self.base_url}/auth/login"
        answer = httpx.post(url, json=body, timeout=60.0, trust_env=False)
        assert answer.status_code == 200, answer.text
        client = self.client()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    def stop(self) -> None:
        """Stop all of it, the store last; nobody may have been refused anything there."""
        for process in reversed(self.processes.values()):
            process.stop()
        refused = self.users.refused(self.valkey.url) if self.users else []
        self.valkey.stop()
        assert not refused, "\n".join(refused)

    def logs(self, lines: int = 40) -> str:
        """The end of every process's output."""
        return "\n".join(
            f"--- {name} (exit status {process.returncode})\n"
            + "\n".join(process.output().splitlines()[-lines:])
            for name, process in self.processes.items()
        )

    def _start(self, name: str, *module_and_role: str, **settings: str) -> Process:
        command = [sys.executable, "-m", *module_and_role]
        log = self.directory / f"{name}.log"
        if name in self.processes:
            self.processes[name].kill()  # its next life: nothing of the last one may stay
        if self.users:
            settings = {"REDIS_URL": self.users.url(module_and_role[-1], self.valkey), **settings}
        process = Process(name, command, log, {**self.env, **settings})
        self.processes[name] = process
        return process

    def _ready(self) -> bool:
        for process in self.processes.values():
            assert process.returncode is None, f"{process.name} ended\n{self.logs()}"
        try:
            return httpx.get(f"{self.base_url}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False


def finished(client: httpx.Client, job: dict[str, Any], timeout_seconds: float = 60.0) -> Any:
    """The job once it has ended, by polling as a client would."""

    def ended() -> Any:
        body = client.get(job["urls"]["self"]).json()
        return body if body["status"] not in ("queued", "in_progress") else None

    return wait_until(ended, timeout_seconds, f"the end of {job['id']}")
