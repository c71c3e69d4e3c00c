"""Registered receivers: made, changed, tested, rotated and deleted by their owner alone."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from common.vault import Vault
from tests.support.gateway import Gateway

URL = "https://hooks.example.com/caravan"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def bob(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("bob") as client:
        yield client


def create(client: httpx.Client, **fields: Any) -> Any:
    answer = client.post("/webhooks/endpoints", json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def refused(answer: httpx.Response, field: str) -> dict[str, Any]:
    """The first error of a 422 about ``field``."""
    assert answer.status_code == 422, answer.text
    error: dict[str, Any] = answer.json()["errors"][0]
    assert error["field"] == field
    return error


def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(client: httpx.Client) -> None:
    # When one is registered
    answer = client.post("/webhooks/endpoints", json={"url": URL, "description": "the desk"})
    # Then it has a secret
    made = answer.json()
    assert answer.headers["Location"] == f"/webhooks/endpoints/{made['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert SECRET.fullmatch(made.pop("secret"))
    # And is shown without it ever after
    assert client.get(answer.headers["Location"]).json() == made
    assert client.get("/webhooks/endpoints").json()["data"] == [made]
    assert {name: made[name] for name in ("url", "description", "events", "disabled")} == {
        "url": URL,
        "description": "the desk",
        "events": None,
        "disabled": False,
    }


def test_secrets_are_sealed_in_the_store(gateway: Gateway, client: httpx.Client) -> None:
    made = create(client)
    user_secret = client.get("/webhooks/secret").json()["secret"]

    everything = "".join(
        str(gateway.redis.hgetall(key)) for key in ("whsec:ada", f"endpoint:{made['id']}")
    )
    assert made["secret"] not in everything
    assert user_secret not in everything
    # And the key that opens them is not in the store
    vault = Vault.open((gateway.stack.directory / "webhook-key").read_text().strip())
    sealed = gateway.redis.hget(f"endpoint:{made['id']}", "secret")
    assert vault.unseal(str(sealed)) == made["secret"]


def test_a_change_touches_what_it_names_and_nothing_else(client: httpx.Client) -> None:
    # Given an endpoint
    made = create(client, description="the desk", events=["job.failed"])
    path = f"/webhooks/endpoints/{made['id']}"
    # When its events are changed
    changed = client.patch(path, json={"events": ["job.completed", "job.completed"]}).json()
    # Then the rest is as it was, and null brings the default back
    assert (changed["events"], changed["description"]) == (["job.completed"], "the desk")
    assert changed["updated_at"] >= made["updated_at"]
    assert client.patch(path, json={"events": None}).json()["events"] is None
    assert client.patch(path, json={"url": "https://other.example/"}).json()["url"] == (
        "https://other.example/"
    )


def test_it_is_disabled_and_enabled_by_field_or_by_verb(client: httpx.Client) -> None:
    path = f"/webhooks/endpoints/{create(client)['id']}"

    for off, on in (
        (client.patch(path, json={"disabled": True}), client.patch(path, json={"disabled": False})),
        (client.post(f"{path}/disable"), client.post(f"{path}/enable")),
    ):
        assert (off.json()["disabled"], off.json()["disabled_reason"]) == (True, "user")
        assert off.json()["disabled_at"] is not None
        assert (on.json()["disabled"], on.json()["disabled_reason"]) == (False, None)
    assert create(client, disabled=True)["disabled"] is True


def test_a_deleted_endpoint_is_gone(gateway: Gateway, client: httpx.Client) -> None:
    made = create(client)
    path = f"/webhooks/endpoints/{made['id']}"

    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
    assert client.get("/webhooks/endpoints").json()["data"] == []
    assert gateway.redis.keys("endpoint*") == []


def test_a_deleted_user_leaves_no_receiver_to_whoever_gets_the_name(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a user with an endpoint and a secret
    create(client)
    client.get("/webhooks/secret")
    gateway.redis.hset("user:ada", "role", "user")
    # When the user is deleted
    assert gateway.desk.scripts("user_delete", "ada", 1000) == "ok"
    # Then neither is left
    assert [*gateway.redis.keys("endpoint*"), *gateway.redis.keys("whsec*")] == []


def test_pages_lead_from_the_newest_to_the_oldest(client: httpx.Client) -> None:
    made = [create(client, description=str(n))["id"] for n in range(5)]

    first = client.get("/webhooks/endpoints", params={"limit": 3}).json()
    rest = client.get("/webhooks/endpoints", params={"limit": 3, "after": first["last_id"]}).json()

    assert [one["id"] for page in (first, rest) for one in page["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    refused(client.get("/webhooks/endpoints", params={"after": "we_x"}), "after")


def test_a_user_has_twenty_at_most(client: httpx.Client, bob: httpx.Client) -> None:
    for _ in range(20):
        create(client)

    answer = client.post("/webhooks/endpoints", json={"url": URL})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too-many-endpoints")
    assert "20" in answer.json()["detail"]
    assert len(client.get("/webhooks/endpoints", params={"limit": 100}).json()["data"]) == 20
    create(bob)


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "url", "missing"),
        ({"url": "ftp://example.com/"}, "url", "https://"),
        ({"url": "http://10.0.0.1/"}, "url", "private"),
        ({"url": "http://169.254.169.254/"}, "url", "metadata"),
        ({"url": "http://localhost:8000/"}, "url", "name of the internet"),
        ({"url": "https://example.com:8443/"}, "url", "port 8443"),
        ({"url": "https://user:pw@example.com/"}, "url", "user name"),
        ({"url": URL, "events": []}, "events", "at least 1"),
        ({"url": URL, "events": ["job.done"]}, "events.0", "job.completed"),
        ({"url": URL, "events": "job.completed"}, "events", "list"),
        ({"url": URL, "description": "x" * 257}, "description", "256"),
        ({"url": URL, "description": "\x00"}, "description", "U+0000"),
        ({"url": URL, "descripton": "x"}, "descripton", "did you mean description?"),
    ],
)
def test_bad_input_is_refused_with_the_field_and_the_limit(
    client: httpx.Client, body: dict[str, Any], field: str, says: str
) -> None:
    error = refused(client.post("/webhooks/endpoints", json=body), field)

    assert says in error["message"]
    assert error["limit"]


@pytest.mark.parametrize("url", ["http://192.168.0.1/", "https://example.com:22/"])
def test_a_change_is_held_to_the_same_rules(client: httpx.Client, url: str) -> None:
    made = create(client)
    path = f"/webhooks/endpoints/{made['id']}"

    refused(client.patch(path, json={"url": url}), "url")
    refused(client.patch(path, json={"url": None}), "url")
    assert client.get(path).json()["url"] == URL


PATHS = [
    ("GET", ""),
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "/enable"),
    ("POST", "/disable"),
    ("POST", "/secret"),
    ("POST", "/test"),
    ("POST", "/recover?since=2026-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_anothers_endpoint_is_as_unknown_as_none(
    client: httpx.Client, bob: httpx.Client, method: str, path: str
) -> None:
    # Given an endpoint of Ada's
    made = create(client)
    shown = client.get(f"/webhooks/endpoints/{made['id']}").json()
    # When Bob asks for it, or for one that nobody has
    body = {"description": "mine"} if method == "PATCH" else None
    for endpoint_id in (made["id"], "we_00000000000000000000000000", "we_!", "x"):
        answer = bob.request(method, f"/webhooks/endpoints/{endpoint_id}{path}", json=body)
        # Then the answers are the same
        assert answer.status_code == 404, answer.text
        assert answer.json()["error"]["code"] == "endpoint-not-found"
    # And nothing has changed
    assert client.get(f"/webhooks/endpoints/{made['id']}").json() == shown


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nobody_gets_in_without_a_token(gateway: Gateway, method: str, path: str) -> None:
    with gateway.stack.client() as nobody:
        assert nobody.request(method, f"/webhooks/endpoints/we_1{path}").status_code == 401
        assert nobody.get("/webhooks/secret").status_code == 401
        assert nobody.get("/webhooks/deliveries").status_code == 401


# --- secrets --------------------------------------------------------------------------------


def test_the_secret_of_job_urls_is_made_on_first_read_and_stays(
    client: httpx.Client, bob: httpx.Client
) -> None:
    first = client.get("/webhooks/secret")

    assert SECRET.fullmatch(first.json()["secret"])
    assert first.headers["Cache-Control"] == "no-store"
    assert first.json()["previous_valid_until"] is None
    assert client.get("/webhooks/secret").json() == first.json()
    assert bob.get("/webhooks/secret").json() != first.json()


def test_a_rotation_gives_a_new_secret_and_keeps_the_old_one_for_a_day(
    gateway: Gateway, client: httpx.Client
) -> None:
    # Given a secret of each kind
    made = create(client)
    for path, key, old in (
        ("/webhooks/secret", "whsec:ada", client.get("/webhooks/secret").json()["secret"]),
        (f"/webhooks/endpoints/{made['id']}/secret", f"endpoint:{made['id']}", made["secret"]),
    ):
        # When it is rotated
        rotated = client.post(path)
        # Then there is another, and the old one is kept for a day
        assert rotated.headers["Cache-Control"] == "no-store"
        assert SECRET.fullmatch(rotated.json()["secret"])
        assert rotated.json()["secret"] != old
        sealed = str(gateway.redis.hget(key, "old_secret"))
        vault = Vault.open((gateway.stack.directory / "webhook-key").read_text().strip())
        assert vault.unseal(sealed) == old
        seconds, _ = gateway.redis.time()
        until = int(gateway.redis.hget(key, "old_until_ms") or 0) / 1000 - int(seconds)
        assert 86_390 < until <= 86_401
    assert client.get("/webhooks/secret").json()["previous_valid_until"] is not None


def test_a_secret_that_cannot_be_read_any_more_can_be_rotated(
    gateway: Gateway, client: httpx.Client
) -> None:
    gateway.redis.hset("whsec:ada", "secret", Vault.open("another key").seal("whsec_x"))

    answer = client.get("/webhooks/secret")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "secret-unreadable")
    assert client.post("/webhooks/secret").status_code == 200
    assert client.get("/webhooks/secret").status_code == 200


def test_the_public_keys_are_a_jwk_set_and_whpk(gateway: Gateway) -> None:
    with gateway.stack.client() as nobody:
        for path in ("/.well-known/webhook-keys", "/.well-known/jwks.json"):
            (key,) = nobody.get(path).json()["keys"]
            vault = Vault.open((gateway.stack.directory / "webhook-key").read_text().strip())
            assert key["whpk"] == vault.signing_key.public
            assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
            assert len(key["x"]) == 43
