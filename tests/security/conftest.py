"""One gateway for the attacks of a session; each test finds its store empty."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.gateway import Gateway


@pytest.fixture(scope="session")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.running(tmp_path_factory.mktemp("attacked")) as gateway:
        yield gateway


@pytest.fixture
def gateway(running_gateway: Gateway) -> Gateway:
    running_gateway.redis.flushall()
    return running_gateway


@pytest.fixture
def ada(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("ada") as client:
        yield client


@pytest.fixture
def bob(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("bob") as client:
        yield client


@pytest.fixture
def anonymous(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.stack.client() as client:
        yield client
