"""OWASP API8:2023, security misconfiguration: headers, origins, methods, errors, bad wires.

Headers, proxies, TLS and the switches of production have tests of their own in
tests/integration.
"""

import socket
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.openapi import Operation
from tests.support.routes import OPERATIONS, ids

ORIGINS = ("https://evil.example", "null", "http://127.0.0.1:8000.evil.example")


@pytest.mark.parametrize("operation", OPERATIONS, ids=ids)
def test_no_other_origin_may_read_an_answer(ada: httpx.Client, operation: Operation) -> None:
    path = operation.path.replace("{", "").replace("}", "")
    for origin in ORIGINS:
        headers = {"Origin": origin, "Access-Control-Request-Method": operation.method}
        for method in ("OPTIONS", operation.method):
            answer = ada.request(method, path, headers=headers)
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("operation", OPERATIONS, ids=ids)
def test_a_method_that_is_not_offered_is_a_problem(ada: httpx.Client, operation: Operation) -> None:
    path = operation.path.replace("{", "").replace("}", "")
    for method in ("TRACE", "PROPFIND", "LOCK"):
        answer = ada.request(method, path)
        assert answer.status_code in (404, 405), (method, answer.status_code)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        *("/.env", "/.git/config", "/config", "/debug", "/actuator", "/server-status", "/phpinfo"),
        *("/../../etc/passwd", "/console/../../api/settings.py", "/console/%2e%2e/%2e%2e/x"),
        *("/static/../jwt-secret", "/docs/../../x", "/openapi.yaml", "/v2/jobs", "/api/v1/jobs"),
        *("/jobs/%00", "/jobs/..%2f..%2fetc", "/jobs/" + "a" * 5000, "/%", "/jobs?limit=%"),
    ],
)
def test_there_is_nothing_to_find(ada: httpx.Client, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code in (400, 404, 414, 422), answer.status_code
    assert answer.headers["content-type"] == "application/problem+json"
    assert "root:" not in answer.text


def test_no_answer_tells_what_runs_here(ada: httpx.Client) -> None:
    for path in ("/", "/jobs", "/nowhere"):
        answer = ada.get(path)
        assert "x-powered-by" not in answer.headers
        assert "uvicorn" not in answer.headers.get("server", "").lower()
        for word in ("Traceback", 'File "', "site-packages", "starlette", "redis.exceptions"):
            assert word not in answer.text


def test_an_error_of_ours_shows_no_trace_of_it(gateway: Gateway, ada: httpx.Client) -> None:
    # Given a record in the store that nobody can read
    job_id = gateway.desk.submit(user="ada")
    gateway.redis.hset(f"job:{job_id}", "status", "bewitched")
    # When it is asked for
    answer = ada.get(f"/jobs/{job_id}")
    # Then the answer says that something went wrong, and nothing more
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal-error"
    for word in ("bewitched", "Traceback", "ValueError", "File"):
        assert word not in answer.text


WIRES: dict[str, bytes] = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS on a plain port": bytes.fromhex("1603010200010001fc0303") + b"\0" * 50,
    "HTTP 0.9": b"GET /\r\n\r\n",
    "two lengths": b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin/users HTTP/1.1\r\nHost: x\r\n\r\n",
    "a negative length": b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length that is none": b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "a chunk that is none": b"POST /generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a header with a null": b"GET /jobs HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n",
    "a header without a name": b"GET /jobs HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
    "a folded header": b"GET /jobs HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n",
    "a huge header": b"GET /jobs HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET /jobs HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n",
    "a long path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "an absolute path": b"GET http://evil.example/jobs HTTP/1.1\r\nHost: x\r\n\r\n",
    "an upgrade": b"GET /jobs HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
}


@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_wire_gets_a_refusal_and_hurts_nobody(
    gateway: Gateway, ada: httpx.Client, wire: str
) -> None:
    # When something is sent that is no good request
    with socket.create_connection(("127.0.0.1", gateway.stack.api_port), timeout=10) as raw:
        raw.settimeout(10)
        answer = b""
        try:
            raw.sendall(WIRES[wire])
            raw.shutdown(socket.SHUT_WR)
            while piece := raw.recv(65_536):
                answer += piece
        except ConnectionError:
            pass  # cut off; a TimeoutError would be no answer, and no end
    # Then it is refused or cut off, no second request is seen in it, and the gateway lives
    status = answer[9:12].decode("ascii", "replace")
    assert status in ("", "400", "401", "403", "404", "413", "414", "422", "426", "431"), answer[
        :99
    ]
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert ada.get("/jobs").status_code == 200


def test_pages_are_not_framed(anonymous: httpx.Client) -> None:
    page: Any = anonymous.get("/")
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
