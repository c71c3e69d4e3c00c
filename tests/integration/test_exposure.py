"""What strangers can reach of a gateway, and what every answer says to a browser."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.gateway import Gateway

TOKEN = "metrics-token-0123456789-0123456789"
PRODUCTION = {
    "APP_ENV": "production",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "ADMIN_PASSWORD": "a long sentence of mine",
    "METRICS_TOKEN": TOKEN,
    "MAX_JSON_DEPTH": "10",
    "MAX_BODY_BYTES": "10000",
    "HEALTH_RATE_LIMIT_PER_MINUTE": "3",
    "TRUSTED_PROXIES": "127.0.0.0/8",
}


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway as it is deployed, behind a proxy that is this test."""
    with Gateway.running(tmp_path_factory.mktemp("production"), **PRODUCTION) as gateway:
        yield gateway


@pytest.fixture
def deployed(production: Gateway) -> Iterator[httpx.Client]:
    production.redis.flushall()
    with production.stack.client() as client:
        yield client


def login(client: httpx.Client, **headers: str) -> httpx.Response:
    body = {"username": "admin", "password": PRODUCTION["ADMIN_PASSWORD"]}
    return client.post("/auth/login", json=body, headers=headers)


@pytest.mark.parametrize("path", ["/livez", "/status", "/nowhere", "/jobs", "/", "/docs"])
def test_every_answer_tells_browsers_to_be_careful(gateway: Gateway, path: str) -> None:
    with gateway.stack.client() as client:
        headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers.get_list("Content-Security-Policy") == [headers["Content-Security-Policy"]]
    assert "Server" not in headers
    assert "Strict-Transport-Security" not in headers


def test_an_error_in_the_depths_has_the_headers_too(gateway: Gateway) -> None:
    gateway.redis.set("job:job_x", "no hash")
    with gateway.client() as client:
        answer = client.get("/jobs/job_x")

    assert answer.status_code == 500
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_somebodys_own_is_not_kept_by_caches(
    gateway: Gateway, client: httpx.Client
) -> None:
    assert client.get("/jobs").headers["Cache-Control"] == "no-store"
    with gateway.stack.client() as anonymous:
        assert "Cache-Control" not in anonymous.get("/livez").headers


def test_the_page_of_the_documentation_runs_its_own_script_and_no_other(
    gateway: Gateway,
) -> None:
    with gateway.stack.client() as client:
        page = client.get("/docs")
        policy = page.headers["Content-Security-Policy"]
        # Then everything that it loads is ours
        for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert address.startswith("/docs/assets/")
            assert client.get(address).status_code == 200
    # And scripts are those files and one digest: nothing inline beside it, no eval
    assert re.search(r"script-src 'self' 'sha256-[A-Za-z0-9+/=]{44}';", policy)
    assert "unsafe-eval" not in policy
    assert page.text.count("<script>") == 1


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/assets/swagger-ui.css"])
def test_in_production_the_description_is_not_served(deployed: httpx.Client, path: str) -> None:
    assert deployed.get(path).status_code == 404


def test_in_production_metrics_need_a_token(production: Gateway, deployed: httpx.Client) -> None:
    # Given a scraper without a token, with a wrong one, with the token
    assert deployed.get("/metrics").status_code == 401
    wrong = deployed.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}x"})
    assert wrong.status_code == 401
    right = deployed.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert right.status_code == 200
    assert "llama_queue_depth" in right.text
    # And users: one who may read the numbers, one who may not
    token = login(deployed).json()["access_token"]
    admin = {"Authorization": f"Bearer {token}"}
    for role, status in (("metrics", 200), ("user", 403)):
        body = {"username": role, "password": "a long sentence too", "role": role}
        assert deployed.post("/admin/users", json=body, headers=admin).status_code == 201
        answer = deployed.post("/auth/login", json={k: body[k] for k in ("username", "password")})
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert deployed.get("/metrics", headers=bearer).status_code == status


def test_metrics_are_there_while_the_store_is_away(
    production: Gateway, deployed: httpx.Client
) -> None:
    production.stack.valkey.pause()
    try:
        answer = deployed.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    finally:
        production.stack.valkey.resume()
    assert answer.status_code == 200


def test_the_default_password_opens_nothing_in_production(
    production: Gateway, deployed: httpx.Client
) -> None:
    # Given a store that was filled in development, with the password that everybody knows
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    production.redis.hset(
        "user:admin", "password", PasswordHash((Argon2Hasher(),)).hash("admin123")
    )
    # When somebody tries it, on the loopback address even
    answer = deployed.post("/auth/login", json={"username": "admin", "password": "admin123"})
    # Then it is refused
    assert answer.status_code == 401


def test_behind_a_listed_proxy_each_client_has_its_own_ten(deployed: httpx.Client) -> None:
    def health(client: str) -> int:
        return deployed.get("/health", headers={"X-Forwarded-For": client}).status_code

    assert [health("203.0.113.1") for _ in range(4)][-1] == 429
    assert health("203.0.113.2") != 429
    # And a client that writes such a header itself is still the one that the proxy heard
    assert health("198.51.100.99, 203.0.113.1") == 429
    # And one with a whole network of addresses is one client
    assert [health(f"2001:db8:0:1::{n}") for n in range(4)][-1] == 429


def test_who_is_no_listed_proxy_is_not_believed(tmp_path: Path) -> None:
    with (
        Gateway.running(tmp_path, HEALTH_RATE_LIMIT_PER_MINUTE="3") as gateway,
        gateway.stack.client() as client,
    ):
        answers = [
            client.get("/health", headers={name: f"203.0.113.{n}"}).status_code
            for n, name in enumerate(
                ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "X-Forwarded-For")
            )
        ]
        https = client.get("/livez", headers={"X-Forwarded-Proto": "https"})
    assert answers[3:] == [429, 429]
    assert "Strict-Transport-Security" not in https.headers


def test_failed_logins_slow_down_the_client_behind_the_proxy(deployed: httpx.Client) -> None:
    def guess(client: str, password: str) -> httpx.Response:
        body = {"username": "admin", "password": password}
        return deployed.post("/auth/login", json=body, headers={"X-Forwarded-For": client})

    # Given a client that guesses
    for _ in range(6):
        answer = guess("203.0.113.9", "wrong")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    # When it claims to be somebody else, then it still waits
    assert guess("10.0.0.1, 203.0.113.9", "wrong").status_code == 429
    # And another client does not
    assert guess("203.0.113.10", PRODUCTION["ADMIN_PASSWORD"]).status_code == 200


def test_behind_a_proxy_with_tls_browsers_are_told_to_stay_there(deployed: httpx.Client) -> None:
    answer = deployed.get("/livez", headers={"X-Forwarded-Proto": "https"})

    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def bearer(client: httpx.Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {login(client).json()['access_token']}"}


@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_a_body_that_is_nested_too_deep_is_refused(deployed: httpx.Client, opening: str) -> None:
    headers = {**bearer(deployed), "Content-Type": "application/json"}

    def refused(depth: int) -> httpx.Response:
        return deployed.post("/generate", content=opening * depth, headers=headers)

    answer = refused(11)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid-json")
    assert answer.json()["errors"][0]["limit"] == "10 levels of arrays and objects"
    assert "nested" not in refused(10).json()["detail"]
    assert refused(1500).status_code == 400


def test_brackets_in_a_prompt_are_no_depth(deployed: httpx.Client) -> None:
    prompt = "[" * 500 + '"' + "{" * 500

    answer = deployed.post("/generate", json={"prompt": prompt}, headers=bearer(deployed))

    assert answer.status_code in (202, 503), answer.text


def heard(client: socket.socket, until: str) -> str:
    """What comes, up to a text or the end."""
    answer = ""
    while until not in answer and (piece := client.recv(65_536)):
        answer += piece.decode()
    return answer


def test_a_body_without_a_length_is_counted_as_it_comes(
    production: Gateway, deployed: httpx.Client
) -> None:
    # Given a client that sends piece after piece and never says how many
    headers = "".join(f"{name}: {value}\r\n" for name, value in bearer(deployed).items())
    head = (
        f"POST /generate HTTP/1.1\r\nHost: x\r\n{headers}"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", production.stack.api_port), 10) as client:
        client.sendall(head.encode())
        piece = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        for _ in range(3):  # 12,288 of 10,000 bytes, and no end in sight
            client.sendall(piece)
        # Then it is answered before it has ended
        answer = heard(client, "10000 bytes.")
    assert answer.startswith("HTTP/1.1 413")
    assert "body is over 10000 bytes" in answer


def test_a_body_may_not_be_longer_than_it_says(production: Gateway) -> None:
    # Given a request that declares three bytes and sends another request's worth after them
    smuggled = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    with socket.create_connection(("127.0.0.1", production.stack.api_port), 60) as client:
        client.sendall(head + b"{}x" + smuggled)
        answer = heard(client, "alive")
    # Then the body ended where it said; what follows is a request of its own, or is dropped
    first, *rest = re.findall(r"^HTTP/1.1 (\d+)", answer, re.MULTILINE)
    assert first in ("400", "415")
    assert rest in ([], ["200"])


def test_a_request_id_of_the_clients_own_does_not_hide_requests(deployed: httpx.Client) -> None:
    # Given a stranger who sends the same request id each time
    asked = [deployed.get("/health", headers={"X-Request-Id": "always-this"}) for _ in range(4)]
    # Then each request counts
    assert [answer.status_code for answer in asked][-1] == 429
    assert asked[0].headers["RateLimit"].startswith('"health";r=2;t=6')
    assert asked[0].headers["RateLimit-Policy"] == '"health";q=3;w=60'


def test_an_id_of_the_clients_own_does_not_hide_submits(tmp_path: Path) -> None:
    with (
        Gateway.running(tmp_path, RATE_LIMIT_PER_MINUTE="3") as gateway,
        gateway.client() as ada,
    ):
        # Given a user who puts the same job again and again, with other bodies
        asked = [
            ada.put("/jobs/mine", json={"prompt": f"llama {number}"}).status_code
            for number in range(5)
        ]
    # Then each request counts
    assert asked == [201 if asked[0] == 201 else 202, 422, 422, 429, 429]
