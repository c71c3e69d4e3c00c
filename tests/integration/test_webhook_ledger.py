"""The ledger of deliveries: what was written in one step with a job's end, told to its owner."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway

URL = "https://hooks.example.com/caravan"


@pytest.fixture
def bob(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("bob") as client:
        yield client


def submit(client: httpx.Client, **fields: Any) -> Any:
    answer = client.post("/generate", json={"prompt": "hello", **fields})
    assert answer.status_code == 202, answer.text
    return answer.json()


def deliveries(client: httpx.Client, **query: Any) -> Any:
    answer = client.get("/webhooks/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[str]:
    return [delivery["id"] for delivery in page["data"]]


def attempt(gateway: Gateway, delivery_id: str, outcome: str = "failed") -> None:
    """Make an attempt at a delivery as a webhook worker would."""
    scripts, token = gateway.desk.scripts, uuid.uuid4().hex
    claimed = scripts("hook_claim", delivery_id, token, "worker", 20_000, 4)
    assert claimed[0] == "claimed", claimed
    code = 200 if outcome == "succeeded" else 503
    note: dict[str, Any] = {
        "number": 1,
        "at_ms": 1_700_000_000_000,
        "duration_ms": 12,
        "status_code": code,
    }
    note |= {"answer": "so be it", "error": "" if code == 200 else "It answered 503."}
    scripts(
        *("hook_done", delivery_id, token, outcome, json.dumps(note)),
        *(60_000, "It answered 503.", 432_000_000, 4, 0),
    )


# --- the fields of a job --------------------------------------------------------------------


def test_a_job_with_a_url_leaves_a_delivery_when_it_ends(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a job with a URL of its own
    job = submit(client, webhook_url=URL, metadata={"desk": "7"})
    assert deliveries(client)["data"] == []
    # When it ends
    gateway.complete(job["id"], [1])
    # Then there is one delivery, of its end, which waits to be sent
    (delivery,) = deliveries(client)["data"]
    assert (delivery["type"], delivery["status"]) == ("job.completed", "pending")
    assert (delivery["job_id"], delivery["batch_id"]) == (job["id"], None)
    assert (delivery["url"], delivery["endpoint_id"]) == (URL, None)
    assert delivery["next_attempt_at"] is not None
    assert (delivery["attempt_count"], delivery["attempts"]) == (0, [])


def test_a_job_tells_what_it_was_asked_to_tell(gateway: Gateway, client: httpx.Client) -> None:
    started = submit(client, webhook_url=URL, webhook_events=["job.started"])
    cancelled = submit(client, webhook_url=URL, webhook_events=["job.completed"])
    gateway.complete(started["id"], [1])
    assert client.delete(cancelled["urls"]["self"]).status_code == 200

    assert [one["type"] for one in deliveries(client)["data"]] == ["job.started"]


def test_explanations_tell_too(gateway: Gateway, client: httpx.Client) -> None:
    context = {"analysis_type": "sentiment", "symbol": "AAPL", "sentiment_score": 0.75}
    body = {"context": context, "webhook_url": URL, "webhook_include_result": True}
    job = client.post("/explain", json=body).json()
    gateway.complete(job["id"], [1])

    (delivery,) = deliveries(client, job=job["id"])["data"]
    assert delivery["type"] == "job.completed"


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"webhook_url": "http://127.0.0.1:9/"}, "webhook_url", "loopback"),
        ({"webhook_url": "gopher://example.com/"}, "webhook_url", "https://"),
        ({"webhook_url": "https://example.com:5432/"}, "webhook_url", "port 5432"),
        ({"webhook_url": "x"}, "webhook_url", "at least 8"),
        ({"webhook_url": f"https://e.com/{'x' * 2048}"}, "webhook_url", "at most 2048"),
        ({"webhook_url": 7}, "webhook_url", "string"),
        ({"webhook_url": URL, "webhook_events": ["endpoint.test"]}, "webhook_events.0", "job."),
        ({"webhook_url": URL, "webhook_events": []}, "webhook_events", "at least 1"),
        ({"webhook_events": ["job.failed"]}, "webhook_events", "webhook_url"),
        ({"webhook_url": URL, "webhook_include_result": "often"}, "webhook_include_result", "bool"),
        ({"webhook": URL}, "webhook", "did you mean"),
    ],
)
def test_fields_that_make_no_sense_are_refused(
    gateway: Gateway, client: httpx.Client, fields: dict[str, Any], field: str, says: str
) -> None:
    answer = client.post("/generate", json={"prompt": "hello", **fields})

    assert answer.status_code == 422, answer.text
    error = answer.json()["errors"][0]
    assert (error["field"], bool(error["limit"])) == (field, True)
    assert says in error["message"]
    assert gateway.redis.keys("job:*") == []


# --- the ledger -----------------------------------------------------------------------------


def test_an_endpoint_hears_of_every_job_and_a_filter_finds_it(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given an endpoint, and two jobs, of which one has a URL of its own
    endpoint = client.post("/webhooks/endpoints", json={"url": URL}).json()["id"]
    first, second = submit(client), submit(client, webhook_url="https://other.example/")
    for job in (first, second):
        gateway.complete(job["id"], [1])
    # Then there are three deliveries, found by job, by endpoint, and by both
    assert len(deliveries(client)["data"]) == 3
    assert len(deliveries(client, job=second["id"])["data"]) == 2
    assert len(deliveries(client, endpoint=endpoint)["data"]) == 2
    (both,) = deliveries(client, endpoint=endpoint, job=second["id"])["data"]
    assert (both["endpoint_id"], both["job_id"]) == (endpoint, second["id"])
    # And two receivers of one event can know that it is one
    assert len({one["event_id"] for one in deliveries(client, job=second["id"])["data"]}) == 1


def test_an_attempt_is_told_with_all_that_is_known(gateway: Gateway, client: httpx.Client) -> None:
    # Given a delivery that failed, and one that succeeded
    made = []
    for outcome in ("failed", "succeeded"):
        job = submit(client, webhook_url=URL)
        gateway.complete(job["id"], [1])
        made.append(deliveries(client, job=job["id"])["data"][0]["id"])
        attempt(gateway, made[-1], outcome)
    # Then each is found by its status
    (failed,) = deliveries(client, status="failed")["data"]
    (succeeded,) = deliveries(client, status="succeeded")["data"]
    assert [failed["id"], succeeded["id"]] == made
    # And shows its attempt
    assert client.get(f"/webhooks/deliveries/{failed['id']}").json() == failed
    assert failed["attempts"] == [
        {
            "number": 1,
            "at": "2023-11-14T22:13:20Z",
            "status_code": 503,
            "duration_ms": 12,
            "answer": "so be it",
            "error": "It answered 503.",
        }
    ]
    assert (failed["error"], failed["attempt_count"]) == ("It answered 503.", 1)
    assert failed["completed_at"] is not None
    assert succeeded["attempts"][0]["error"] is None


def test_pages_hold_each_delivery_once_newest_first(gateway: Gateway, client: httpx.Client) -> None:
    # Given seven deliveries of Ada's, of which every other succeeded
    made, now = [], int(time.time() * 1000)
    for n in range(7):
        job = submit(client, webhook_url=URL)
        gateway.complete(job["id"], [1])
        made.append(deliveries(client, job=job["id"])["data"][0]["id"])
        gateway.redis.zadd("hooks:user:ada", {made[-1]: now + n})
        if n % 2:
            attempt(gateway, made[-1], "succeeded")
    # When she walks through them by threes
    pages = [deliveries(client, limit=3)]
    while pages[-1]["has_more"]:
        pages.append(deliveries(client, limit=3, after=pages[-1]["last_id"]))
    # Then she sees each once
    assert [one for page in pages for one in ids(page)] == made[::-1]
    # And of one kind as well
    assert ids(deliveries(client, status="succeeded")) == [made[5], made[3], made[1]]
    first = deliveries(client, status="pending", limit=2)
    assert (ids(first), first["has_more"]) == ([made[6], made[4]], True)
    rest = deliveries(client, status="pending", limit=2, after=first["last_id"])
    assert (ids(rest), rest["has_more"]) == ([made[2], made[0]], False)


def test_a_walk_stops_and_goes_on_where_it_stopped(gateway: Gateway, client: httpx.Client) -> None:
    # Given one failed delivery behind thousands whose rows are gone
    job = submit(client, webhook_url=URL)
    gateway.complete(job["id"], [1])
    (old,) = ids(deliveries(client))
    attempt(gateway, old)
    gateway.redis.zadd("hooks:user:ada", {f"whd_{n}": 9e12 + n for n in range(4500)})
    # When failed ones are asked for
    pages = [deliveries(client, status="failed")]
    while pages[-1]["has_more"]:
        pages.append(deliveries(client, status="failed", after=pages[-1]["last_id"]))
    # Then empty pages lead to it
    assert [ids(page) for page in pages] == [[], [], [old]]


def test_a_replay_sends_it_again_under_the_same_id(gateway: Gateway, client: httpx.Client) -> None:
    # Given a delivery that failed
    job = submit(client, webhook_url=URL)
    gateway.complete(job["id"], [1])
    (before,) = deliveries(client)["data"]
    unfinished = client.post(f"/webhooks/deliveries/{before['id']}/replay")
    assert (unfinished.status_code, unfinished.json()["error"]["code"]) == (
        409,
        "delivery-unfinished",
    )
    attempt(gateway, before["id"])
    # When it is replayed
    answer = client.post(f"/webhooks/deliveries/{before['id']}/replay")
    # Then it is on its way again
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["event_id"]) == ("pending", before["event_id"])
    assert len(answer.json()["attempts"]) == 1
    attempt(gateway, before["id"], "succeeded")
    assert client.get(f"/webhooks/deliveries/{before['id']}").json()["status"] == "succeeded"


def test_recovery_sends_what_failed_since_then_and_nothing_else(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given five deliveries to an endpoint: one failed long ago, three failed, one succeeded
    endpoint = client.post("/webhooks/endpoints", json={"url": URL}).json()["id"]
    made = []
    for n in range(5):
        job = submit(client)
        gateway.complete(job["id"], [1])
        made.append(deliveries(client, job=job["id"])["data"][0]["id"])
        attempt(gateway, made[-1], "succeeded" if n == 4 else "failed")
    gateway.redis.zadd(f"hooks:to:{endpoint}", {made[0]: 1_700_000_000_000})
    # When those since 2026 are recovered
    recover = f"/webhooks/endpoints/{endpoint}/recover"
    answer = client.post(recover, params={"since": "2026-01-01T00:00:00Z"})
    # Then the three are on their way again
    assert (answer.status_code, answer.json()) == (202, {"recovered": 3})
    assert sorted(ids(deliveries(client, status="pending"))) == sorted(made[1:4])
    # And a second call finds nothing, a malformed one is refused
    assert client.post(recover, params={"since": "2026-01-01"}).json() == {"recovered": 0}
    for params in ({}, {"since": "yesterday"}):
        bad = client.post(recover, params=params)
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "since")


def test_a_test_event_goes_out_whatever_the_filter(gateway: Gateway, client: httpx.Client) -> None:
    body = {"url": URL, "events": ["job.failed"]}
    path = f"/webhooks/endpoints/{client.post('/webhooks/endpoints', json=body).json()['id']}"

    answer = client.post(f"{path}/test")

    assert (answer.status_code, answer.json()["type"]) == (202, "endpoint.test")
    assert ids(deliveries(client)) == [answer.json()["id"]]
    assert (answer.json()["job_id"], answer.json()["batch_id"]) == (None, None)


def test_nothing_is_sent_to_a_disabled_endpoint(gateway: Gateway, client: httpx.Client) -> None:
    # Given a failed delivery to an endpoint that is now disabled
    path = client.post("/webhooks/endpoints", json={"url": URL}).headers["Location"]
    gateway.complete(submit(client)["id"], [1])
    (failed,) = ids(deliveries(client))
    attempt(gateway, failed)
    client.post(f"{path}/disable")
    # Then no way leads to it
    for answer in (
        client.post(f"{path}/test"),
        client.post(f"{path}/recover", params={"since": "2026-01-01"}),
        client.post(f"/webhooks/deliveries/{failed}/replay"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "endpoint-disabled")
    # Nor does a job that ends meanwhile
    gateway.complete(submit(client)["id"], [1])
    assert ids(deliveries(client)) == [failed]


@pytest.mark.parametrize("path", ["", "/replay"])
def test_anothers_delivery_is_as_unknown_as_none(
    gateway: Gateway, client: httpx.Client, bob: httpx.Client, path: str
) -> None:
    # Given a delivery of Ada's that failed
    job = submit(client, webhook_url=URL)
    gateway.complete(job["id"], [1])
    (delivery_id,) = ids(deliveries(client))
    attempt(gateway, delivery_id)
    # When Bob asks for it
    method = "POST" if path else "GET"
    for name in (delivery_id, "whd_0", "whd_!", "job_1"):
        answer = bob.request(method, f"/webhooks/deliveries/{name}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "delivery-not-found")
    # Then no list shows it to him, by whatever filter
    assert deliveries(bob)["data"] == []
    assert deliveries(bob, job=job["id"])["data"] == []
    assert bob.get("/webhooks/deliveries", params={"after": delivery_id}).status_code == 422
    assert deliveries(client)["data"][0]["status"] == "failed"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"status": "lost"}, "status"),
        ({"after": "whd_nowhere"}, "after"),
    ],
)
def test_a_bad_query_is_a_422(client: httpx.Client, query: dict[str, Any], field: str) -> None:
    answer = client.get("/webhooks/deliveries", params=query)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_filters_that_name_nothing_find_nothing(client: httpx.Client) -> None:
    assert deliveries(client, job="job_x", endpoint="we_x")["data"] == []
    assert deliveries(client, job="*", endpoint="a:b")["data"] == []
