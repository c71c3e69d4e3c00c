"""``Prefer: wait=N``: the answer is held until the job has ended, or N seconds."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.waiting import wait_until

WAIT = {"Prefer": "wait=60"}
#: Of a client that hangs up after a second.
IMPATIENT = httpx.Timeout(60, read=1)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture(autouse=True)
def alone(gateway: Gateway) -> None:
    """Requests of earlier tests are over: the one that asks for the metrics is the only one."""
    wait_until(lambda: gateway.metric("llama_inflight_requests") == 1, what="an idle gateway")


def held(gateway: Gateway, call: Callable[[], httpx.Response], pool: ThreadPoolExecutor) -> Future:  # type: ignore[type-arg]
    """A request that the gateway holds by now."""
    before = gateway.metric("llama_inflight_requests")
    future = pool.submit(call)
    wait_until(
        lambda: gateway.metric("llama_inflight_requests") > before, what="a request in flight"
    )
    return future


def the_job(gateway: Gateway) -> str:
    return str(wait_until(lambda: gateway.redis.zrange("wait:normal", 0, 0), what="a job")[0])


def test_a_submit_that_waits_is_answered_with_the_finished_job(
    gateway: Gateway, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    # Given a client that submits and waits
    body = {"prompt": "hello"}
    call = held(gateway, lambda: client.post("/generate", json=body, headers=WAIT), pool)
    # When the job ends
    gateway.complete(the_job(gateway), [7, 8])
    # Then the answer is the job, before the minute is over
    answer = call.result(50)
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=60"
    assert "Retry-After" not in answer.headers
    assert answer.json()["result"]["text"] == "hi"


def test_a_submit_that_waited_in_vain_is_accepted(client: httpx.Client) -> None:
    began = time.monotonic()

    answer = client.post("/generate", json={"prompt": "x"}, headers={"Prefer": "wait=1"})

    assert time.monotonic() - began >= 1
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["Preference-Applied"] == "wait=1"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=soon", "wait=-1", "handling=lenient"])
def test_other_preferences_are_not_obeyed(client: httpx.Client, prefer: str) -> None:
    answer = client.post("/generate", json={"prompt": "x"}, headers={"Prefer": prefer})

    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize(
    "prefer",
    [
        [("Prefer", "respond-async, wait=900")],
        [("Prefer", "respond-async"), ("Prefer", 'WAIT="60"')],
        [("Prefer", "wait=60;foo=bar")],
    ],
)
def test_a_wait_is_read_from_any_preference_and_cut_to_a_minute(
    gateway: Gateway, client: httpx.Client, prefer: list[tuple[str, str]]
) -> None:
    job_id = gateway.desk.submit()
    gateway.complete(job_id, [1])

    answer = client.get(f"/jobs/{job_id}", headers=prefer)

    assert answer.headers["Preference-Applied"] == "wait=60"


def test_many_clients_wait_for_one_job_and_all_hear_of_its_end(
    gateway: Gateway, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    # Given five clients that wait for a running job
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)
    calls = [
        held(gateway, lambda: client.get(f"/jobs/{job_id}", headers=WAIT), pool) for _ in range(5)
    ]
    # When it goes on and ends
    gateway.desk.append(job_id, 0, [7])
    gateway.desk.finish(job_id, 1, [8])
    # Then each has the whole text
    assert {call.result(50).json()["result"]["text"] for call in calls} == {"hi"}


def test_a_wait_for_a_running_job_ends_as_it_then_is(
    gateway: Gateway, client: httpx.Client
) -> None:
    job_id = gateway.desk.submit()
    gateway.desk.claim(job_id)

    answer = client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=1"})

    assert (answer.status_code, answer.json()["status"]) == (200, "in_progress")
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_etag_is_the_version_of_the_state(gateway: Gateway, client: httpx.Client) -> None:
    # Given the ETag of a waiting job
    job_id = gateway.desk.submit()
    etag = {"If-None-Match": client.get(f"/jobs/{job_id}").headers["ETag"]}
    # When nothing changed, and when the job was started
    unchanged = client.get(f"/jobs/{job_id}", headers=etag)
    gateway.desk.claim(job_id)
    changed = client.get(f"/jobs/{job_id}", headers=etag)
    # Then the first is a 304 without a body, the second the job
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["ETag"] == etag["If-None-Match"]
    assert (changed.status_code, changed.json()["status"]) == (200, "in_progress")


@pytest.mark.parametrize(("on_disconnect", "status"), [("cancel", "cancelled")])
def test_a_client_that_leaves_cancels_what_only_it_wanted(
    gateway: Gateway, client: httpx.Client, on_disconnect: str, status: str
) -> None:
    # Given a client that waits for a job that nobody else wants
    body = {"prompt": "x", "on_disconnect": on_disconnect}
    # When it hangs up
    with pytest.raises(httpx.ReadTimeout):
        client.post("/generate", json=body, headers=WAIT, timeout=IMPATIENT)
    # Then the job is cancelled
    (job_id,) = [job["id"] for job in client.get("/jobs").json()["data"]]
    wait_until(lambda: gateway.desk.read(job_id).status == status, what="the cancel")


def test_a_client_that_leaves_does_not_end_what_another_waits_for(
    gateway: Gateway, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    # Given a job with on_disconnect=cancel, and another client that waits for it
    body = {"prompt": "x", "on_disconnect": "cancel"}
    job_id = client.post("/generate", json=body).json()["id"]
    other = held(gateway, lambda: client.get(f"/jobs/{job_id}", headers=WAIT), pool)
    # When the first hangs up and the job goes on
    with gateway.client() as first, pytest.raises(httpx.ReadTimeout):
        first.get(f"/jobs/{job_id}", headers=WAIT, timeout=IMPATIENT)
    wait_until(lambda: gateway.metric("llama_inflight_requests") == 2, what="its leaving")
    gateway.complete(job_id, [7])
    # Then the other has its answer
    assert other.result(50).json()["status"] == "completed"


def test_a_waiter_hears_of_the_end_although_the_feed_was_cut(
    gateway: Gateway, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    # Given a client that waits, and a feed that is cut off
    job_id = gateway.desk.submit()
    call = held(gateway, lambda: client.get(f"/jobs/{job_id}", headers=WAIT), pool)
    gateway.redis.client_kill_filter(_type="pubsub")
    # When the job ends before the gateway listens again
    gateway.complete(job_id, [7, 8])
    # Then the client is told when it does
    assert call.result(50).json()["result"]["text"] == "hi"
