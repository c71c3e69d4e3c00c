"""A store that cannot write to its disk refuses every write; that is no error of the gateway's."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from tests.support.gateway import Gateway
from tests.support.waiting import wait_until


@pytest.fixture
def job_id(client: httpx.Client) -> str:
    """A job that was accepted while the disk was well."""
    return str(client.post("/generate", json={"prompt": "hello"}).json()["id"])


@pytest.fixture
def key(client: httpx.Client) -> str:
    """An API key of the same time, which nobody has used."""
    return str(client.post("/auth/keys", json={"name": "reader"}).json()["key"])


@pytest.fixture
def obstacle(gateway: Gateway, job_id: str, key: str) -> Iterator[Path]:
    """A folder where the store's snapshot should be: until it is gone, none can be written."""
    assert job_id
    assert key
    settings: Any = gateway.redis.config_get("dir", "dbfilename", "save")
    folder = Path(settings["dir"], settings["dbfilename"])
    folder.unlink(missing_ok=True)
    folder.mkdir()
    gateway.redis.config_set("save", "3600 1")
    try:
        wait_until(lambda: _save(gateway.redis) == "err", what="MISCONF")
        yield folder
    finally:
        if folder.is_dir():
            folder.rmdir()
        wait_until(lambda: _save(gateway.redis) == "ok", what="a snapshot")
        gateway.redis.config_set("save", settings["save"])


def _save(redis: Redis) -> str:
    """Try to save; whether the last try went well."""
    with suppress(ResponseError):  # one is under way
        redis.bgsave()
    return str(redis.info("persistence")["rdb_last_bgsave_status"])


@pytest.mark.usefixtures("obstacle")
def test_writes_are_refused_with_a_503_that_says_when_to_come_back(
    client: httpx.Client, job_id: str
) -> None:
    # Given a store that cannot write
    for method, path, body in (
        ("POST", "/generate", {"prompt": "hello"}),
        ("POST", "/explain", {"context": {"analysis_type": "general", "symbol": "AAPL"}}),
        ("DELETE", f"/jobs/{job_id}", None),
        ("POST", "/auth/login", {"username": "ada", "password": "a wrong password"}),
    ):
        # When something is to be written
        answer = client.request(method, path, json=body)
        # Then it is refused as during an outage, and says why
        assert answer.status_code == 503, (path, answer.text)
        assert answer.json()["error"]["code"] == "redis-unavailable"
        assert "takes no writes" in answer.json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.usefixtures("obstacle")
def test_a_job_can_still_be_read_with_a_token_and_with_a_key(
    client: httpx.Client, job_id: str, key: str
) -> None:
    for headers in ({}, {"Authorization": f"Bearer {key}"}):
        answer = client.get(f"/jobs/{job_id}", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "queued")


@pytest.mark.usefixtures("obstacle")
def test_whoever_asks_how_we_are_is_told_though_nobody_can_be_counted(gateway: Gateway) -> None:
    with gateway.stack.client() as stranger:
        assert "checks" in stranger.get("/health").json()


def test_all_goes_on_once_the_disk_is_well(
    gateway: Gateway, client: httpx.Client, obstacle: Path
) -> None:
    # When the store can write again
    obstacle.rmdir()
    wait_until(lambda: _save(gateway.redis) == "ok", what="a snapshot")
    # Then jobs are accepted, with no restart of anything
    wait_until(
        lambda: client.post("/generate", json={"prompt": "hello"}).status_code == 202, what="a 202"
    )
