"""One stack, started by the launcher, for every page and example."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import LiveStack, Reader


@pytest.fixture(scope="session")
def live_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with LiveStack.running(tmp_path_factory.mktemp("live")) as stack:
        yield stack


@pytest.fixture
def reader(live_stack: LiveStack, tmp_path: Path) -> Reader:
    """Somebody with a fresh checkout, whatever the page before has stopped."""
    live_stack.ensure()
    return Reader(live_stack, tmp_path)
