"""The product as real processes that may be killed and started again."""

import sys
from pathlib import Path

import httpx
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from benchmarks.chaos.settings import inherited
from benchmarks.processes import Process
from benchmarks.valkey import ValkeyServer
from benchmarks.waiting import wait_until
from cli.ports import any_free
from common import keys

ROOT = Path(__file__).parents[2]
USERNAME, PASSWORD = "admin", "admin123"

#: No limit is hit, and no time runs out: what is left is the chaos.
ENVIRONMENT = {
    "ACCESS_TOKEN_SECONDS": "86400",
    "DRAIN_SECONDS": "2",
    "ENGINE": "echo",
    "HEALTH_RATE_LIMIT_PER_MINUTE": "1000000",
    "LOG_LEVEL": "WARNING",
    "MAX_JOBS_PER_USER": "1000000",
    "MAX_QUEUE_SIZE": "1000000",
    "PROMETHEUS_ENABLED": "false",
    "RATE_LIMIT_PER_MINUTE": "1000000",
    "REQUEST_TIMEOUT": "600",
}


class Service:
    """Valkey, gateway, maintenance and workers; settings are environment variables."""

    def __init__(self, directory: Path, valkey: ValkeyServer, **settings: str) -> None:
        self.valkey = valkey
        self.redis = connect(valkey.url)
        port = any_free()
        self.base_url = f"http://127.0.0.1:{port}"
        self.workers: dict[str, Process] = {}
        self._others: dict[str, Process] = {}
        self._dead: list[Process] = []
        self._directory = directory
        self._environment = {
            **inherited(),
            **ENVIRONMENT,
            "API_PORT": str(port),
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": valkey.url,
            "STATE_DIR": str(directory),
            **settings,
        }

    def start(self, workers: int) -> None:
        """Start everything and wait until each worker takes jobs."""
        self.start_gateway()
        self.start_maintenance()
        for number in range(workers):
            self.start_worker(f"worker-{number}")
        wait_until(lambda: self.ready_workers() == len(self.workers), 120, "ready workers")
        self.wait_for_the_gateway()

    def connect_through(self, url: str) -> None:
        """Make the processes, not this object, reach the store by another address."""
        self._environment["REDIS_URL"] = url

    def wait_for_the_gateway(self) -> None:
        """Return once it answers."""
        wait_until(self._answers, 60, "the gateway's answer")

    def start_gateway(self) -> None:
        """Start the gateway, on the same port as before."""
        self._start_other("gateway", "api")

    def start_maintenance(self) -> None:
        """Start the sweeper."""
        self._start_other("maintenance", "worker", "maintenance")

    def start_worker(self, name: str, role: str = "inference") -> Process:
        """Start a worker, or its successor."""
        worker = self._start(name, "worker", role)
        self.workers[name] = worker
        return worker

    def kill_worker(self, name: str, *, seen: bool = True) -> None:
        """SIGKILL; unless ``seen``, nobody on this host can tell that it is gone."""
        worker = self.workers[name]
        worker.kill(reap=seen)
        self._dead.append(worker)

    def pids(self) -> dict[str, int]:
        """The processes that run, the store among them."""
        running = {"valkey": self.valkey.pid}
        for name, process in [*self._others.items(), *self.workers.items()]:
            running[name] = process.pid
        return running

    @property
    def gateway(self) -> Process:
        return self._others["gateway"]

    def ready_workers(self) -> int:
        """How many workers say that they take jobs; the dead say so for a while, too."""
        names = [str(name) for name in self.redis.zrange(keys.WORKERS, 0, -1)]
        return sum(self.redis.hget(keys.worker(name), "state") == "ready" for name in names)

    def token(self) -> str:
        """Log in; an access token for as long as a run lasts."""
        body = {"username": USERNAME, "password": PASSWORD}
        answer = httpx.post(f"{self.base_url}/auth/login", json=body, trust_env=False)
        return str(answer.raise_for_status().json()["access_token"])

    def stop(self) -> None:
        """Kill all of it, the store last: what it wrote has been read."""
        for process in [*self.workers.values(), *self._others.values(), *self._dead]:
            process.kill()
        self.redis.close()
        self.valkey.kill()

    def _start_other(self, name: str, *module_and_role: str) -> None:
        self._others[name] = self._start(name, *module_and_role)

    def _start(self, name: str, *module_and_role: str) -> Process:
        log = self._directory / f"{name}.log"
        return Process(name, [*self._python(name), "-m", *module_and_role], log, self._environment)

    def _python(self, name: str) -> list[str]:  # noqa: ARG002 - for those that take another
        """What runs the process of this name."""
        return [sys.executable]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/livez", trust_env=False).is_success
        except httpx.TransportError:
            return False


def connect(url: str) -> Redis:
    """A client that outlives short outages of the server."""
    retry = Retry(ConstantBackoff(0.2), 50, supported_errors=(RedisConnectionError,))
    return Redis.from_url(url, decode_responses=True, socket_timeout=10.0, retry=retry)
