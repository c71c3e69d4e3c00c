"""Several gateways over one store, as behind a load balancer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cli.ports import any_free
from tests.support.gateway import Gateway
from tests.support.waiting import wait_until


@contextmanager
def fleet(directory: Path, size: int, **settings: str) -> Iterator[tuple[Gateway, list[str]]]:
    """The first gateway with its store, and the addresses of all of them."""
    with Gateway.running(directory, **settings) as first:
        urls = [first.stack.base_url]
        for number in range(2, size + 1):
            port = any_free()
            first.stack.start_gateway(f"gateway-{number}", API_PORT=str(port))
            urls.append(f"http://127.0.0.1:{port}")
        for url in urls:
            wait_until(lambda url=url: _answers(url), 60, f"an answer of {url}")  # type: ignore[misc]
        yield first, urls


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", trust_env=False).status_code < 600
    except httpx.TransportError:
        return False
