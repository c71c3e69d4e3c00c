"""Every engine behind the same fixture."""

from collections.abc import Iterator

import pytest

from tests.support.engines import ENGINES, Bench, open_bench


@pytest.fixture(scope="session", params=ENGINES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every engine, loaded once; echo at a pace that lets callers meet."""
    bench = open_bench(request.param, echo_tokens_per_second=200)
    yield bench
    bench.engine.close()


@pytest.fixture(params=ENGINES)
def own_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every engine, loaded for one test that ends it."""
    bench = open_bench(request.param, echo_tokens_per_second=200)
    yield bench
    bench.engine.close()
