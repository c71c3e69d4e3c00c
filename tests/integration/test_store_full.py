"""A store that runs out of memory: nothing new is let in, everything accepted can end."""

import httpx
import pytest

from api.capacity import is_short
from tests.support.gateway import Gateway
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    ("used", "maximum", "short"), [(80, 100, True), (79, 100, False), (10**12, 0, False)]
)
def test_four_fifths_of_the_memory_are_for_new_jobs(used: int, maximum: int, short: bool) -> None:
    assert is_short(used, maximum) is short


def test_submits_are_shed_before_the_memory_ends(gateway: Gateway, client: httpx.Client) -> None:
    # Given a running job, and a store of which more than 80 % is used
    body = {"prompt": "hello", "max_tokens": 5}
    job_id = client.post("/generate", json=body).json()["id"]
    gateway.desk.claim(job_id)
    try:
        # Then new jobs are refused, saying when to come back
        refused = wait_until(lambda: _refused(gateway, client, body), what="shedding")
        assert refused is not None
        assert refused.json()["error"]["code"] == "store-full"
        assert int(refused.headers["Retry-After"]) > 0
        # And the running job can end
        assert gateway.desk.finish(job_id, 0, [1, 2]) == ["ok", 2]
        assert client.get(f"/jobs/{job_id}").json()["status"] == "completed"
    finally:
        gateway.redis.config_set("maxmemory", 0)
    wait_until(lambda: client.post("/generate", json=body).status_code == 202, what="room")


def _refused(gateway: Gateway, client: httpx.Client, body: object) -> httpx.Response | None:
    """The refusal at 85 % of the memory; what is used changes by itself meanwhile."""
    used = int(gateway.redis.info("memory")["used_memory"])
    gateway.redis.config_set("maxmemory", int(used / 0.85))
    answer = client.post("/generate", json=body)
    return answer if answer.status_code == 503 else None
