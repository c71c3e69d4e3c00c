"""Fixtures for every test: a real Valkey, its clients, and stacks of real processes."""

import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from tests.models import default_gguf
from tests.support.stack import Stack
from tests.support.valkey import ValkeyServer

# Started in the background of a script, we would ignore Ctrl-C, and so would our children.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, and no clock: a red run can be repeated.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One real server for all tests that share nothing but an empty database."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server that a test may kill, pause and restart."""
    directory = tmp_path / "valkey"
    directory.mkdir()
    server = ValkeyServer(directory)
    server.start()
    yield server
    server.resume()
    server.stop()


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    """The address of an empty database."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the empty database; answers are text."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture(scope="session")
def echo_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service on the engine without a model; tests share it, so leave no limits."""
    yield from _running(Stack(tmp_path_factory.mktemp("echo"), ENGINE="echo"))


@pytest.fixture(scope="session")
def llama_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service on real Llama weights, by llama.cpp."""
    settings = {"ENGINE": "llamacpp", "MODEL": str(default_gguf())}
    yield from _running(Stack(tmp_path_factory.mktemp("llama"), **settings))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes said when a test that used them fails."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Stack):
                report.sections.append((f"processes in {value.directory}", value.logs()))
    return report


def _running(stack: Stack) -> Iterator[Stack]:
    try:
        try:
            stack.start()
        except AssertionError as error:
            error.add_note(stack.logs())
            raise
        yield stack
    finally:
        stack.stop()
