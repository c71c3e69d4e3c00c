"""The real OpenAI SDK, pointed at the service under test."""

from typing import Any

import httpx2
from openai import AsyncOpenAI, OpenAI
from redis import Redis

from api.auth import Tokens
from api.keyring import Keyring
from common import keys
from tests.support.stack import Stack


def access_token(stack: Stack) -> str:
    """What the SDK is given as its API key."""
    with stack.login() as client:
        return client.headers["Authorization"].removeprefix("Bearer ")


def sdk(stack: Stack, token: str | None = None, **options: Any) -> OpenAI:
    """A client as the SDK's users make it, but deaf to this machine's proxies."""
    return OpenAI(
        api_key=token or access_token(stack),
        http_client=httpx2.Client(trust_env=False),
        **{"base_url": f"{stack.base_url}/v1", "timeout": 30.0, **options},
    )


def async_sdk(stack: Stack, token: str | None = None, **options: Any) -> AsyncOpenAI:
    """The same for asyncio."""
    return AsyncOpenAI(
        api_key=token or access_token(stack),
        http_client=httpx2.AsyncClient(trust_env=False),
        **{"base_url": f"{stack.base_url}/v1", "timeout": 30.0, **options},
    )


class Customer:
    """A user of their own, whose jobs a test can count."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._redis = Redis.from_url(stack.valkey.url, decode_responses=True)
        self._name = name
        self._redis.hsetnx(keys.user(name), "role", "user")
        secret = (stack.directory / "jwt-secret").read_text()
        self.token = Tokens(Keyring.of_secret(secret), 900).issue(name)

    def jobs(self) -> dict[str, str]:
        """Id -> status of every job of this user, oldest first."""
        ids = [str(job_id) for job_id in self._redis.zrange(keys.user_jobs(self._name), 0, -1)]
        return {job_id: str(self._redis.hget(keys.job(job_id), "status")) for job_id in ids}

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()
