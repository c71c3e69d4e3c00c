"""One service without a model, and the SDK as its client."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.support.openai_client import sdk
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def openai_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Slow enough that a test can look at a job while it runs: 100 tokens a second."""
    settings = {"ENGINE": "echo", "ECHO_TOKENS_PER_SECOND": "100", "SSE_KEEPALIVE_SECONDS": "0.2"}
    stack = Stack(tmp_path_factory.mktemp("openai"), **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def client(openai_stack: Stack) -> Iterator[OpenAI]:
    """Never tries again by itself."""
    with sdk(openai_stack, max_retries=0) as client:
        yield client
