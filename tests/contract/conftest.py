"""Every engine behind the same fixture."""

from collections.abc import Iterator

import pytest

from tests.support.engines import ENGINES, Bench, open_bench
from tests.support.upstream import UpstreamServer, open_upstream_bench


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpstreamServer]:
    """A real OpenAI-compatible server, for tests that leave it alive."""
    server = UpstreamServer(tmp_path_factory.mktemp("upstream"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def upstream_bench(upstream: UpstreamServer) -> Iterator[Bench]:
    """The engine that asks it."""
    bench = open_upstream_bench(upstream.url)
    yield bench
    bench.engine.close()


def _open(request: pytest.FixtureRequest) -> Bench:
    if request.param == "openai":
        return open_upstream_bench(request.getfixturevalue("upstream").url)
    return open_bench(request.param, echo_tokens_per_second=200)


@pytest.fixture(scope="session", params=ENGINES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every engine, loaded once; echo at a pace that lets callers meet."""
    bench = _open(request)
    yield bench
    bench.engine.close()


@pytest.fixture(params=ENGINES)
def own_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every engine, loaded for one test that ends it."""
    bench = _open(request)
    yield bench
    bench.engine.close()
