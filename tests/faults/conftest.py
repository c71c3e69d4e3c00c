"""A store, maintenance and no worker yet: each test starts, and kills, its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.support.desk import Desk
from tests.support.stack import Stack
from tests.support.workers import Witness


@pytest.fixture
def settings() -> dict[str, str]:
    """The stack's environment; a module overrides it."""
    return {}


@pytest.fixture
def stack(tmp_path: Path, settings: dict[str, str]) -> Iterator[Stack]:
    stack = Stack(tmp_path, ENGINE="echo", **settings)
    stack.valkey.start()
    stack.start_maintenance()
    yield stack
    stack.stop()


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.valkey.url, decode_responses=True) as redis:
        yield redis


@pytest.fixture
def desk(redis: Redis) -> Desk:
    return Desk(redis)


@pytest.fixture
def witness(redis: Redis) -> Witness:
    return Witness(redis)
