"""Users: made, changed, shut out and deleted by an administrator; it counts at once."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from common import keys
from tests.support.gateway import Gateway

PASSWORD = "correct horse battery"


@pytest.fixture
def admin(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("admin") as client:
        yield client


def make(admin: httpx.Client, username: str = "grace", **about: Any) -> Any:
    answer = admin.post("/admin/users", json={"username": username, "password": PASSWORD, **about})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def grace(gateway: Gateway, admin: httpx.Client) -> Iterator[httpx.Client]:
    """A user who was made by the administrator and has logged in."""
    make(admin)
    with gateway.stack.login("grace", PASSWORD) as client:
        yield client


def submit(client: httpx.Client) -> httpx.Response:
    return client.post("/generate", json={"prompt": "llama"})


def test_a_user_is_made_and_logs_in(admin: httpx.Client, grace: httpx.Client) -> None:
    assert submit(grace).status_code == 202
    assert grace.get("/admin/users").status_code == 403
    names = [user["username"] for user in admin.get("/admin/users").json()["data"]]
    assert names == ["admin", "grace"]


def test_without_a_password_one_is_made_and_shown_once(
    gateway: Gateway, admin: httpx.Client
) -> None:
    # When a user is made without one
    made = admin.post("/admin/users", json={"username": "grace"}).json()
    # Then the answer has it, it works, and no later answer has it
    with gateway.stack.login("grace", made["password"]) as client:
        assert client.get("/jobs").status_code == 200
    assert "password" not in admin.get("/admin/users/grace").json()


def test_no_answer_holds_a_hash(admin: httpx.Client, grace: httpx.Client) -> None:
    answers = [
        admin.get("/admin/users").text,
        admin.get("/admin/users/grace").text,
        admin.patch("/admin/users/grace", json={"password": PASSWORD + "!"}).text,
    ]
    assert not any("argon2" in text or "password" in text for text in answers)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "a:b", "password": PASSWORD}, "username"),
        ({"username": "a" * 65, "password": PASSWORD}, "username"),
        ({"username": "grace", "password": "short"}, "password"),
        ({"username": "grace", "password": "admin123"}, "password"),
        ({"username": "grace", "password": PASSWORD, "role": "root"}, "role"),
        ({"username": "grace", "password": PASSWORD, "created_ms": 1}, "created_ms"),
        ({"username": "grace", "password": PASSWORD, "budget_nano": 1}, "budget_nano"),
        ({"username": "grace", "password": PASSWORD, "monthly_budget_usd": -1}, "monthly"),
        ({"username": "grace", "password": PASSWORD, "max_jobs": "7"}, "max_jobs"),
    ],
)
def test_only_what_is_documented_may_be_set(
    admin: httpx.Client, body: dict[str, Any], field: str
) -> None:
    refused = admin.post("/admin/users", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].startswith(field)


def test_a_taken_name_is_refused(admin: httpx.Client, grace: httpx.Client) -> None:
    for name in ("grace", "admin"):
        refused = admin.post("/admin/users", json={"username": name, "password": PASSWORD})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "name-taken")


@pytest.mark.parametrize("change", [{"disabled": True}, {"password": "another good one"}])
def test_who_is_shut_out_is_out_at_once(
    admin: httpx.Client, grace: httpx.Client, change: dict[str, Any]
) -> None:
    # Given a user with a token that is good
    assert grace.get("/jobs").status_code == 200
    # When the administrator disables the user, or sets another password
    assert admin.patch("/admin/users/grace", json=change).status_code == 200
    # Then the token is void, for reading and for submitting
    assert grace.get("/jobs").status_code == 401
    assert submit(grace).status_code == 401


def test_a_disabled_user_cannot_log_in(
    gateway: Gateway, admin: httpx.Client, grace: httpx.Client
) -> None:
    body = {"username": "grace", "password": PASSWORD}
    admin.patch("/admin/users/grace", json={"disabled": True})
    assert grace.post("/auth/login", json=body).status_code == 401
    admin.patch("/admin/users/grace", json={"disabled": False})
    assert grace.post("/auth/login", json=body).status_code == 200


def test_a_role_counts_from_the_next_request_on(admin: httpx.Client, grace: httpx.Client) -> None:
    for role, allowed in (("admin", 200), ("user", 403)):
        admin.patch("/admin/users/grace", json={"role": role})
        assert grace.get("/admin/users").status_code == allowed


def test_who_watches_the_numbers_submits_nothing(admin: httpx.Client, grace: httpx.Client) -> None:
    admin.patch("/admin/users/grace", json={"role": "metrics"})
    assert grace.get("/admin/stats").status_code == 200
    for refused in (submit(grace), grace.get("/admin/users"), grace.post("/admin/warmup")):
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")


def test_no_administrator_can_shut_themselves_out(admin: httpx.Client) -> None:
    for refused in (
        admin.patch("/admin/users/admin", json={"disabled": True}),
        admin.patch("/admin/users/admin", json={"role": "user"}),
        admin.delete("/admin/users/admin"),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not-yourself")
    assert admin.get("/admin/users").status_code == 200


def test_the_first_user_may_be_given_limits(gateway: Gateway, admin: httpx.Client) -> None:
    # Given the first user, who has no record
    assert gateway.redis.exists(keys.user("admin")) == 0
    # When it gets a limit
    changed = admin.patch("/admin/users/admin", json={"max_jobs": 7}).json()
    # Then it has a record, and is still the administrator with the password of the settings
    assert (changed["max_jobs"], changed["role"]) == (7, "admin")
    with gateway.stack.login() as again:
        assert again.get("/admin/users").status_code == 200


def test_a_deleted_user_is_gone_and_the_name_stays_free_of_others(
    gateway: Gateway, admin: httpx.Client, grace: httpx.Client
) -> None:
    # Given a user with a waiting job
    job_id = submit(grace).json()["id"]
    # When the user is deleted
    assert admin.delete("/admin/users/grace").status_code == 204
    # Then the token is void, the job cancelled, and nobody gets the name
    assert grace.get("/jobs").status_code == 401
    assert gateway.desk.read(job_id).status == "cancelled"
    assert admin.get("/admin/users/grace").status_code == 404
    assert admin.delete("/admin/users/grace").status_code in (204, 404)
    retired = admin.post("/admin/users", json={"username": "grace", "password": PASSWORD})
    assert (retired.status_code, retired.json()["error"]["code"]) == (409, "name-taken")


def test_own_limits_hold_and_null_takes_them_away(admin: httpx.Client, grace: httpx.Client) -> None:
    # Given a user who may have one unfinished job and three requests a minute
    admin.patch("/admin/users/grace", json={"max_jobs": 1, "rate_limit_per_minute": 3})
    first, second = submit(grace), submit(grace)
    assert (first.status_code, second.status_code) == (202, 429)
    assert second.json()["error"]["code"] == "too-many-jobs"
    assert first.headers["RateLimit-Policy"] == '"permin";q=3;w=60'
    # When the limits are taken away
    changed = admin.patch(
        "/admin/users/grace", json={"max_jobs": None, "rate_limit_per_minute": None}
    ).json()
    # Then the common ones hold
    assert (changed["max_jobs"], changed["rate_limit_per_minute"]) == (None, None)
    assert submit(grace).status_code == 202


def test_a_change_leaves_the_rest_alone(admin: httpx.Client, grace: httpx.Client) -> None:
    admin.patch("/admin/users/grace", json={"max_jobs": 5, "monthly_budget_usd": 2.5})
    changed = admin.patch("/admin/users/grace", json={"tokens_per_minute": 9}).json()
    assert (changed["max_jobs"], changed["monthly_budget_usd"]) == (5, 2.5)
    assert grace.get("/jobs").status_code == 200


def test_users_come_in_pages(admin: httpx.Client) -> None:
    for name in ("bob", "carol", "dave"):
        make(admin, name)
    first = admin.get("/admin/users", params={"limit": 2}).json()
    rest = admin.get("/admin/users", params={"after": first["last_id"]}).json()
    names = [user["username"] for page in (first, rest) for user in page["data"]]
    assert (names, first["has_more"], rest["has_more"]) == (
        ["admin", "bob", "carol", "dave"],
        True,
        False,
    )


def test_a_deleted_user_leaves_no_batch_running_and_nobody_to_tell(
    gateway: Gateway, admin: httpx.Client, grace: httpx.Client
) -> None:
    # Given a user with a batch and a webhook endpoint
    batch = grace.post("/generate", json={"prompts": ["one", "two"]}).json()
    grace.post("/webhooks/endpoints", json={"url": "https://example.com/hook"})
    assert list(gateway.redis.scan_iter("endpoint:*"))
    # When the user is deleted
    assert admin.delete("/admin/users/grace").status_code == 204
    # Then no line is fed any more, and no endpoint is left
    assert gateway.redis.hget(keys.batch(batch["id"]), "status") in ("cancelling", "cancelled")
    assert list(gateway.redis.scan_iter("endpoint:*")) == []
