"""What a worker process says of itself: its hash in Redis and its metrics."""

import httpx
from redis import Redis

from common import keys
from tests.support.processes import Process
from tests.support.waiting import wait_until


class Witness:
    """Asks Redis and the workers."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def about(self, process: Process) -> dict[str, str]:
        """The worker's hash; empty before its first beat."""
        for name in self._redis.zrange(keys.WORKERS, 0, -1):
            fields = self._redis.hgetall(keys.worker(str(name)))
            if fields.get("pid") == str(process.pid):
                return {str(field): str(value) for field, value in fields.items()}
        return {}

    def wait_for(self, process: Process, timeout_seconds: float = 60, **fields: str) -> None:
        """Return once the worker's hash holds these."""
        wait_until(
            lambda: fields.items() <= self.about(process).items(),
            timeout_seconds,
            f"{process.name} with {fields}",
        )

    def metric(self, process: Process, sample: str) -> float:
        """One sample of the worker's /metrics, with its labels; 0 if it is not there."""
        port = self.about(process)["metrics_port"]
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        for line in text.splitlines():
            if line.startswith(f"{sample} "):
                return float(line.rpartition(" ")[2])
        return 0.0
