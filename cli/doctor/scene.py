"""What the checks look at: settings, the store, the gateway, this machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
from redis import Redis
from redis.exceptions import RedisError

from cli.doctor.settings import DoctorSettings
from cli.stack import Stack
from cli.supervisor import Stage, Supervisor

TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One installation as its own machine sees it.

    ``stack`` is what ``make run`` started and nobody stopped; ``store`` is a Redis client whose
    answers are text (its types are unions of everything); ``egress`` is the host that webhooks
    should reach; ``clock`` is this machine's, in seconds.
    """

    settings: DoctorSettings
    stack: Stack | None
    store: Any
    egress: str
    clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, settings: DoctorSettings, egress: str) -> "Scene":
        """The installation that the environment describes; a running stack wins over defaults."""
        supervisor = Supervisor(settings.state)
        up = supervisor.stage() is not Stage.ABSENT
        stack = Stack.read(settings.state) if up else None
        scene = cls(settings, stack, None, egress)
        store = Redis.from_url(
            scene.store_url,
            decode_responses=True,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry_on_timeout=False,
        )
        return replace(scene, store=store)

    @property
    def given(self) -> set[str]:
        """The settings that the environment names."""
        return self.settings.model_fields_set

    @property
    def gateway_url(self) -> str:
        """Where the gateway listens."""
        if self.stack and "api_port" not in self.given:
            return self.stack.gateway_url
        return self.settings.gateway_url

    @property
    def flower_url(self) -> str:
        """Where Flower listens."""
        if self.stack and "flower_port" not in self.given:
            return self.stack.flower_url
        return f"http://127.0.0.1:{self.settings.flower_port}"

    @property
    def store_url(self) -> str:
        """The store, which ``make run`` may have put on another port."""
        named = {"redis_port", "redis_url"} & self.given
        if self.stack and not named and self.stack.store.startswith("redis://"):
            return self.stack.store
        return self.settings.broker_url

    @property
    def store_is_local(self) -> bool:
        """Whether the store can be reached from this machine only."""
        parts = urlsplit(self.store_url)
        return parts.scheme == "unix" or parts.hostname in ("127.0.0.1", "::1", "localhost")

    @property
    def meant_to_run(self) -> bool:
        """Whether processes should be there: somebody started them here, or named a store."""
        return self.stack is not None or "redis_url" in self.given

    @property
    def store_answers(self) -> bool:
        """Whether it is worth asking the store."""
        try:
            return bool(self.store.ping())
        except RedisError:
            return False

    def info(self, section: str) -> dict[str, Any]:
        """A section of the store's INFO. Raises RedisError."""
        found: dict[str, Any] = self.store.info(section)
        return found

    def configured(self, name: str) -> str | None:
        """A value of CONFIG GET; None where this user may not ask."""
        try:
            found: dict[str, str] = self.store.config_get(name)
        except RedisError:
            return None
        return found.get(name)

    def get(self, path: str) -> httpx.Response | None:
        """What the gateway answers without a login; None if it does not."""
        try:
            return httpx.get(f"{self.gateway_url}{path}", timeout=TIMEOUT_SECONDS, trust_env=False)
        except httpx.TransportError:
            return None


def shown(url: str) -> str:
    """An address without its password."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)
