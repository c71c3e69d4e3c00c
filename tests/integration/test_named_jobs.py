"""PUT /jobs/{id}: a job under the client's own id, as often as you like."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.documents import EXAMPLE_REQUEST
from tests.support.gateway import Gateway

ID = "order-7c9e6679-7425-40de-944b-e07fc1f90ae7"


def put(client: httpx.Client, job_id: str = ID, **body: Any) -> httpx.Response:
    return client.put(f"/jobs/{job_id}", json={"prompt": "hello", **body})


def test_a_job_is_made_under_the_clients_id(gateway: Gateway, client: httpx.Client) -> None:
    answer = put(client)

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/jobs/{ID}"
    assert (answer.json()["id"], answer.json()["status"]) == (ID, "queued")
    assert client.get(f"/jobs/{ID}").json()["id"] == ID
    assert gateway.redis.zrange("wait:normal", 0, -1) == [ID]


@pytest.mark.parametrize("state", ["queued", "in_progress", "completed", "cancelled"])
def test_the_same_body_is_the_same_job_in_any_state(
    gateway: Gateway, client: httpx.Client, state: str
) -> None:
    # Given a job that has come so far
    put(client)
    if state in ("in_progress", "completed"):
        gateway.desk.claim(ID)
    if state == "completed":
        gateway.desk.finish(ID, 0, [7, 8])
    if state == "cancelled":
        client.delete(f"/jobs/{ID}")
    # When it is put again, its defaults written out
    again = put(client, max_tokens=200, kind="generate")
    # Then it is that job as it is, and no other
    assert (again.status_code, again.json()["status"]) == (200, state)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(client.get("/jobs").json()["data"]) == 1


def test_another_body_is_refused(client: httpx.Client) -> None:
    put(client)

    other = put(client, max_tokens=5)

    assert (other.status_code, other.json()["error"]["code"]) == (422, "job-id-reuse")


def test_nobody_learns_whose_an_id_is(client: httpx.Client, gateway: Gateway) -> None:
    # Given an id of Ada's
    put(client)
    with gateway.client("bob") as bob:
        # When Bob puts the same body, and when Ada puts another one
        stranger, own = put(bob), put(client, max_tokens=5)
        # Then both hear the same, and Bob still sees no job
        said = [
            {k: v for k, v in answer.json().items() if k != "request_id"}
            for answer in (stranger, own)
        ]
        assert said[0] == said[1]
        assert bob.get(f"/jobs/{ID}").status_code == 404
        assert put(bob, "an-id-of-his-own").status_code == 202


@pytest.mark.parametrize("given", [{"kind": "explain"}, {}])
def test_an_explanation_is_known_by_its_kind_or_its_context(
    client: httpx.Client, given: dict[str, str]
) -> None:
    answer = client.put(f"/jobs/{ID}", json={**EXAMPLE_REQUEST, **given})

    assert (answer.status_code, answer.json()["kind"]) == (202, "explain")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": "x", "kind": "explain"}, "context"),
        ({"kind": "generate", "context": {"analysis_type": "risk"}}, "prompt"),
        ({"prompt": "x", "kind": "poem"}, "kind"),
        ({"prompt": "x", "temprature": 1}, "temprature"),
        ({"context": {"analysis_type": "risk", "note": "x" * 2001}}, "context.note"),
        ([], "body"),
    ],
)
def test_a_bad_body_is_told_by_its_field(client: httpx.Client, body: Any, field: str) -> None:
    answer = client.put(f"/jobs/{ID}", json=body)

    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("job_id", ["a.b", "x" * 65, "%F0%9F%98%80", "a b", "batch_1_2"])
def test_an_id_that_cannot_be_is_refused(client: httpx.Client, job_id: str) -> None:
    answer = put(client, job_id)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "job_id"


def test_a_storm_of_puts_makes_one_job(gateway: Gateway, client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: put(client).status_code, range(16)))

    assert sorted(answers) == [200] * 15 + [202]
    assert gateway.redis.llen("q.normal") == 1


def test_an_id_whose_job_has_expired_makes_no_other(gateway: Gateway, client: httpx.Client) -> None:
    put(client)
    gateway.complete(ID, [7])
    gateway.redis.delete(f"job:{ID}")

    again = put(client)

    assert (again.status_code, again.json()["error"]["code"]) == (410, "job-gone")


def test_a_put_can_wait_for_its_end(gateway: Gateway, client: httpx.Client) -> None:
    put(client)
    gateway.complete(ID, [7, 8])

    answer = client.put(f"/jobs/{ID}", json={"prompt": "hello"}, headers={"Prefer": "wait=5"})

    assert (answer.status_code, answer.json()["result"]["text"]) == (200, "hi")
    assert answer.headers["Preference-Applied"] == "wait=5"
