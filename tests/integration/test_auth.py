"""Logging in, and what a token must be."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from api.app import create_app
from api.settings import ApiSettings
from common.settings import EngineName
from tests.support.gateway import Gateway
from tests.support.processes import Process
from tests.support.stack import Stack

CLAIMS = {"iss": "caravan", "aud": "caravan-api", "sub": "ada", "iat": 0, "exp": 600, "jti": "1"}
TYPE = {"typ": "at+jwt"}


def login(gateway: Gateway, username: str, password: str) -> httpx.Response:
    with gateway.stack.client() as client:
        return client.post("/auth/login", json={"username": username, "password": password})


def ask_with(gateway: Gateway, authorization: str | None) -> httpx.Response:
    gateway.redis.hsetnx("user:ada", "role", "user")
    headers = {} if authorization is None else {"Authorization": authorization}
    with gateway.stack.client() as client:
        return client.get("/jobs", headers=headers)


def test_the_default_user_of_a_developers_machine_can_log_in(gateway: Gateway) -> None:
    # When the documents' credentials are sent
    answer = login(gateway, "admin", "admin123")
    # Then the token works
    token = answer.json()
    assert (answer.status_code, token["token_type"], token["expires_in"]) == (200, "bearer", 900)
    assert ask_with(gateway, f"Bearer {token['access_token']}").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("admin", "wrong"), ("nobody", "admin123")])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    gateway: Gateway, name: str, password: str
) -> None:
    answer = login(gateway, name, password)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["detail"] == "The user name or the password is wrong."


def test_an_account_in_the_store_wins_over_the_first_user(gateway: Gateway) -> None:
    # Given an admin whose password was changed
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    hashed = PasswordHash((Argon2Hasher(),)).hash("better than that")
    gateway.redis.hset("user:admin", "password", hashed)
    # When both passwords are tried, then only the new one works
    assert login(gateway, "admin", "admin123").status_code == 401
    assert login(gateway, "admin", "better than that").status_code == 200


def signed(gateway: Gateway, claims: dict[str, Any], **how: Any) -> str:
    """A token whose times count from now: the suite was collected long ago."""
    now = int(time.time())
    times = {name: now + claims[name] for name in ("iat", "exp")}
    secret = (gateway.stack.directory / "jwt-secret").read_text()
    how = {"key": secret, "algorithm": "HS256", "headers": TYPE} | how
    return jwt.encode({**claims, **times}, **how)


def test_the_tokens_of_these_tests_would_be_valid(gateway: Gateway) -> None:
    assert ask_with(gateway, f"Bearer {signed(gateway, CLAIMS)}").status_code == 200


@pytest.mark.parametrize(
    ("claims", "how"),
    [
        pytest.param({"exp": -1, "iat": -900}, {}, id="expired"),
        pytest.param({}, {"algorithm": "none", "key": ""}, id="unsigned"),
        pytest.param({}, {"algorithm": "HS512"}, id="another algorithm"),
        pytest.param({}, {"key": "k" * 64}, id="another key"),
        pytest.param({}, {"headers": {"typ": "JWT"}}, id="another type of token"),
        pytest.param({"aud": "another-api"}, {}, id="another audience"),
        pytest.param({"iss": "another"}, {}, id="another issuer"),
        pytest.param({"sub": None}, {}, id="nobody"),
        pytest.param({"iat": 3600}, {}, id="from the future"),
    ],
)
def test_a_token_that_is_not_ours_and_fresh_is_refused(
    gateway: Gateway, claims: dict[str, Any], how: dict[str, Any]
) -> None:
    answer = ask_with(gateway, f"Bearer {signed(gateway, CLAIMS | claims, **how)}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("authorization", [None, "Basic YTpi", "Bearer", "Bearer x.y.z"])
def test_a_request_without_a_token_is_refused(gateway: Gateway, authorization: str | None) -> None:
    answer = ask_with(gateway, authorization)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_refusals_are_counted(gateway: Gateway) -> None:
    before = gateway.metric("llama_auth_failures_total")

    ask_with(gateway, None)
    login(gateway, "admin", "wrong")

    assert gateway.metric("llama_auth_failures_total") == before + 2


def test_tokens_issued_before_a_revocation_cannot_submit(
    gateway: Gateway, client: httpx.Client
) -> None:
    gateway.redis.set("revoked:ada", int(time.time()) + 10)

    assert client.post("/generate", json={"prompt": "x"}).status_code == 401


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", ["", "/events"])
def test_somebody_elses_job_is_not_there(gateway: Gateway, method: str, path: str) -> None:
    # Given Ada's job
    job_id = gateway.desk.submit(user="ada")
    # When Bob asks for it, then it is as if it were not
    with gateway.client("bob") as bob:
        answer = bob.request(method, f"/jobs/{job_id}{path}")
        unknown = bob.request(method, f"/jobs/{job_id[:-1]}{path}")
    assert answer.status_code == unknown.status_code
    if answer.status_code == 404:
        assert answer.json()["detail"] == unknown.json()["detail"]
    assert gateway.desk.read(job_id).status == "queued"


def test_the_signing_key_is_the_owners_alone(gateway: Gateway) -> None:
    path: Path = gateway.stack.directory / "jwt-secret"

    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"APP_ENV": "production", "JWT_SECRET": "s" * 31, "ADMIN_PASSWORD": "x"}, "JWT_SECRET"),
        ({"APP_ENV": "production", "ADMIN_PASSWORD": "x"}, "JWT_SECRET"),
        ({"APP_ENV": "production", "JWT_SECRET": "s" * 32}, "ADMIN_PASSWORD"),
        ({"API_HOST": "0.0.0.0"}, "API_HOST=0.0.0.0"),
        ({"MAX_QUEUE_SIZE": "0"}, "MAX_QUEUE_SIZE=0: Input should be greater than or equal to 1"),
        ({"API_PORT": "web"}, "API_PORT=web"),
    ],
)
def test_an_unsafe_or_wrong_setting_stops_the_start_in_one_line(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    # When a gateway is started with it
    process: Process = Stack(tmp_path, **settings).start_gateway()
    status = process.wait(60)
    # Then it says what to change, without a traceback
    lines = process.output().splitlines()
    assert (status, len(lines)) == (2, 1)
    assert sentence in lines[0]


def test_production_starts_with_secrets_of_its_own(tmp_path: Path) -> None:
    # Given a gateway in production, reachable from outside
    secrets = {"JWT_SECRET": "s" * 32, "ADMIN_USERNAME": "root", "ADMIN_PASSWORD": "correct horse"}
    with Gateway.running(tmp_path, APP_ENV="production", API_HOST="0.0.0.0", **secrets) as gateway:
        # When its first user logs in, then it works, and nothing was written down
        assert login(gateway, "root", "correct horse").status_code == 200
        assert login(gateway, "admin", "admin123").status_code == 401
        assert not (tmp_path / "jwt-secret").exists()


def test_the_default_password_works_through_loopback_only(tmp_path: Path) -> None:
    # Given a gateway that uvicorn was told to bind to every address
    settings = ApiSettings(engine=EngineName.ECHO, state_dir=tmp_path)
    transport = httpx.ASGITransport(create_app(settings))
    # When somebody from outside tries the default password
    answer = asyncio.run(_login_at("http://10.1.2.3", transport))
    # Then it is refused, with what to change
    assert answer.status_code == 401
    assert "ADMIN_PASSWORD" in answer.json()["detail"]


async def _login_at(url: str, transport: httpx.ASGITransport) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, transport=transport) as client:
        body = {"username": "admin", "password": "admin123"}
        return await client.post("/auth/login", json=body)


def test_api_documentation_knows_the_bearer(gateway: Gateway) -> None:
    with gateway.stack.client() as client:
        api = client.get("/openapi.json").json()

    assert api["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert api["paths"]["/generate"]["post"]["security"] == [{"HTTPBearer": []}]
