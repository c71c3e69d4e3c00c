"""One browser and one service for all tests of the console."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.support.console import Console, chromium
from tests.support.stack import Stack

#: Slow enough to watch, fast enough to wait for.
SETTINGS = {
    "ENGINE": "echo",
    "ECHO_TOKENS_PER_SECOND": "50",
    "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    "WEBHOOK_RETRY_SCHEDULE": "0,600",
    "LEASE_SECONDS": "3",
    "BEAT_SECONDS": "1",
    "DRAIN_SECONDS": "1",
    "FLOWER_URL": "http://127.0.0.1:5555/flower",
    "PRICE_PER_1K_TOKENS": "0.5",
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("console"), **SETTINGS)
    try:
        stack.start()
        stack.start_webhooks()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def fresh(browser: Browser, stack: Stack) -> Iterator[Console]:
    """A tab where nobody is signed in."""
    with Console.opened(browser, stack.base_url) as console:
        yield console
        assert console.complaints == []


@pytest.fixture(scope="session")
def signed_in(browser: Browser, stack: Stack) -> Iterator[Console]:
    """The administrator's first tab."""
    with Console.opened(browser, stack.base_url) as console:
        console.sign_in()
        yield console


@pytest.fixture
def console(signed_in: Console) -> Iterator[Console]:
    """A tab of its own, where the administrator is signed in."""
    with signed_in.another_tab() as console:
        console.go("jobs")
        yield console
        assert console.complaints == []


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[httpx.Client]:
    """The API, asked directly, as the same user."""
    with stack.login() as client:
        yield client
