"""A gateway without workers: what a worker would do, a test does by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from redis import Redis

from api.auth import Tokens
from api.keyring import Keyring
from cli.sse import ServerSentEvent, parse_events, split_lines
from common import keys
from tests.support.desk import Desk
from tests.support.stack import USERNAME, Stack
from tests.support.waiting import wait_until

#: Short, so that a test sees keep-alives and expired tokens soon.
KEEPALIVE_SECONDS = "0.2"


class Gateway:
    """The real gateway process and a real store; ``desk`` is the worker's side."""

    def __init__(self, directory: Path, **settings: str) -> None:
        defaults = {"ENGINE": "echo", "SSE_KEEPALIVE_SECONDS": KEEPALIVE_SECONDS}
        self.stack = Stack(directory, **{**defaults, **settings})
        self.redis = Redis.from_url(self.stack.valkey.url, decode_responses=True)
        self.desk = Desk(self.redis)

    def start(self) -> None:
        """Start the store and the gateway, and wait until it answers."""
        self.stack.valkey.start()
        self.stack.start_gateway()
        wait_until(self._answers, what="the gateway's answer")

    def stop(self) -> None:
        """Stop both, whatever a test did to them."""
        self.redis.close()
        self.stack.valkey.resume()
        self.stack.stop()

    def tokens(self, lifetime_seconds: int = 900) -> Tokens:
        """Issues what the gateway itself would issue."""
        secret = (self.stack.directory / "jwt-secret").read_text()
        return Tokens(Keyring.of_secret(secret), lifetime_seconds)

    def client(self, user: str = "ada", timeout_seconds: float = 60.0) -> httpx.Client:
        """A client with a token of ``user``, who has a record."""
        if user != USERNAME:
            self.redis.hsetnx(keys.user(user), "role", "user")
        client = self.stack.client(timeout_seconds)
        client.headers["Authorization"] = f"Bearer {self.tokens().issue(user)}"
        return client

    @classmethod
    @contextmanager
    def running(cls, directory: Path, **settings: str) -> Iterator[Self]:
        """A started gateway, stopped in any case."""
        gateway = cls(directory, **settings)
        try:
            gateway.start()
            yield gateway
        finally:
            gateway.stop()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, whatever their labels."""
        text = httpx.get(f"{self.stack.base_url}/metrics", trust_env=False).text
        found = [
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith((f"{name} ", f"{name}{{"))
        ]
        assert found, f"no metric {name}"
        return sum(found)

    def complete(self, job_id: str, ids: list[int]) -> None:
        """Run a queued job to its end, as a worker would."""
        self.desk.claim(job_id)
        self.desk.finish(job_id, 0, ids)

    def _answers(self) -> bool:
        process = self.stack.processes["gateway"]
        assert process.returncode is None, process.output()
        try:
            return httpx.get(f"{self.stack.base_url}/livez", trust_env=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def events_of(
    client: httpx.Client, job_id: str, **request: Any
) -> Iterator[Iterator[ServerSentEvent]]:
    """The events of a job, as they come."""
    with client.stream("GET", f"/jobs/{job_id}/events", **request) as response:
        assert response.status_code == 200, response.read()
        yield parse_events(split_lines(response.iter_text()))
