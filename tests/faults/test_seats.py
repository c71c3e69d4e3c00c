"""Open event streams of a user over several gateways, and what a dead gateway held."""

import contextlib
from collections.abc import Iterator

import httpx
import pytest

from api.presence import LIFE_SECONDS
from common import keys
from tests.support.fleet import fleet
from tests.support.gateway import Gateway
from tests.support.waiting import wait_until

LIMIT = 3


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, list[str]]]:
    """Two gateways; the second may be killed by the last test only."""
    settings = {"MAX_STREAMS_PER_USER": str(LIMIT), "SSE_KEEPALIVE_SECONDS": "0.2"}
    with fleet(tmp_path_factory.mktemp("seats"), 2, **settings) as gateways:
        yield gateways


class Reader(contextlib.ExitStack):
    """A client of one user that opens streams and lets go of them."""

    def __init__(self, authorization: str, urls: list[str]) -> None:
        super().__init__()
        self._lines: list[Iterator[str]] = []
        headers = {"Authorization": authorization}
        self.at = [
            self.enter_context(
                httpx.Client(base_url=url, headers=headers, timeout=60.0, trust_env=False)
            )
            for url in urls
        ]

    def open(self, gateway: int, path: str) -> httpx.Response:
        """The answer, whose stream stays open where it is one."""
        client = self.at[gateway]
        answer = client.send(client.build_request("GET", path), stream=True)
        if answer.is_success:
            lines = answer.iter_lines()
            next(lines)
            self._lines.append(lines)  # a stream whose lines nobody holds is closed
        else:
            answer.read()
        return answer


@pytest.fixture
def reader(two: tuple[Gateway, list[str]]) -> Iterator[Reader]:
    gateway, urls = two
    with gateway.client() as ada, Reader(ada.headers["Authorization"], urls) as reader:
        yield reader


@pytest.fixture
def path(two: tuple[Gateway, list[str]]) -> str:
    """The events of a job that nobody runs."""
    return f"/jobs/{two[0].desk.submit()}/events"


def taken(gateway: Gateway) -> int:
    return sum(map(int, gateway.redis.hgetall(keys.streams("ada")).values()))


def test_streams_are_counted_over_all_gateways_and_given_back(
    two: tuple[Gateway, list[str]], reader: Reader, path: str
) -> None:
    gateway, _ = two
    # Given a user whose streams are open at both gateways, as many as may be
    streams = [reader.open(n % 2, path) for n in range(LIMIT)]
    assert [stream.status_code for stream in streams] == [200] * LIMIT
    # When one more is wanted, at either, then it is refused
    for at in (0, 1):
        refused = reader.open(at, path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too-many-streams")
        assert int(refused.headers["Retry-After"]) >= 1
    # And nobody else is
    with gateway.client("bob") as bob:
        assert bob.get("/jobs").status_code == 200
    # When one is let go, then its place is free
    streams.pop().close()
    wait_until(lambda: taken(gateway) == LIMIT - 1, what="the place of a closed stream")
    streams.append(reader.open(1, path))
    assert streams[-1].status_code == 200
    for stream in streams:
        stream.close()
    wait_until(lambda: taken(gateway) == 0, what="all places")


def test_a_stream_of_v1_is_refused_before_its_job_is_made(
    two: tuple[Gateway, list[str]], reader: Reader, path: str
) -> None:
    gateway, _ = two
    streams = [reader.open(0, path) for _ in range(LIMIT)]
    before = gateway.redis.scard(keys.user_active("ada"))

    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    answer = reader.at[1].post("/v1/chat/completions", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too-many-streams")
    assert gateway.redis.scard(keys.user_active("ada")) == before
    for stream in streams:
        stream.close()
    wait_until(lambda: taken(gateway) == 0, what="all places")


def test_an_administrator_sets_the_number_of_one_user(
    two: tuple[Gateway, list[str]], reader: Reader, path: str
) -> None:
    gateway, _ = two
    with gateway.client("admin") as admin:
        changed = admin.patch("/admin/users/ada", json={"max_streams": 1})
        assert changed.json()["max_streams"] == 1
        stream = reader.open(0, path)
        assert (stream.status_code, reader.open(1, path).status_code) == (200, 429)
        stream.close()
        admin.patch("/admin/users/ada", json={"max_streams": None})
    wait_until(lambda: taken(gateway) == 0, what="all places")


def test_what_a_dead_gateway_held_is_free_soon(
    two: tuple[Gateway, list[str]], reader: Reader, path: str
) -> None:
    gateway, _ = two
    # Given a gateway that dies with all streams of a user
    for _ in range(LIMIT):
        assert reader.open(1, path).status_code == 200
    assert reader.open(0, path).status_code == 429
    gateway.stack.processes["gateway-2"].kill()
    # When the user comes back at the other, then it is let in once the dead one is missed
    wait_until(lambda: reader.open(0, path).status_code == 200, 4 * LIFE_SECONDS, "a place")
