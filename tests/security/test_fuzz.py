"""Any header, any bytes: never an error of ours, never a silence, always a problem in JSON.

What fits the description of a route, or almost, is sent by tests/integration/test_openapi.py.
``FUZZ_EXAMPLES=500`` looks longer.
"""

import os
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.gateway import Gateway
from tests.support.openapi import Operation, json_body
from tests.support.routes import OPERATIONS, example_body

TRIES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
QUICK = settings(max_examples=TRIES, deadline=None, suppress_health_check=list(HealthCheck))

#: Headers that something here reads, and what would be good in them.
HEADERS = {
    "authorization": "Bearer x",
    "idempotency-key": "key-1",
    "prefer": "wait=0",
    "if-none-match": '"1"',
    "last-event-id": "3",
    "x-forwarded-for": "10.0.0.1",
    "x-forwarded-proto": "https",
    "forwarded": "for=10.0.0.1;proto=https",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=b",
    "x-request-id": "req_1",
    "content-type": "application/json",
    "content-encoding": "gzip",
    "content-length": "10",
    "transfer-encoding": "chunked",
    "accept": "text/event-stream",
    "accept-encoding": "br",
    "host": "example.com",
    "origin": "https://example.com",
    "range": "bytes=0-1",
    "expect": "100-continue",
    "x-stainless-retry-count": "1",
    "openai-organization": "org",
    "user-agent": "x",
    "cookie": "a=b",
}
#: Statuses that a request of whatever form may get, in JSON; a 503 says why.
ALLOWED = {400, 401, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 416, 417, 421, 422}
ALLOWED |= {402, 426, 428, 429, 431, 501, 503}

#: What goes through an HTTP client: no line breaks, no nulls; the wires of API8 have those.
bytes_of_headers = st.binary(max_size=80).map(
    lambda raw: bytes(byte for byte in raw if byte >= 32 and byte != 127).strip()
)


def values(name: str) -> st.SearchStrategy[bytes]:
    """Rubbish, what is good, and what is almost good."""
    good = HEADERS[name].encode()
    cut = st.integers(0, len(good)).map(lambda at: good[:at] + b'\xff;,="' + good[at:])
    repeated = st.integers(2, 50).map(lambda times: (good + b",") * times)
    numbers = st.integers(-(10**30), 10**30).map(lambda number: str(number).encode())
    return bytes_of_headers | st.just(good) | cut | repeated | numbers | st.just(b"a" * 7000)


names = st.sampled_from(sorted(set(HEADERS) - {"content-length", "transfer-encoding", "expect"}))
headers = st.lists(
    names.flatmap(lambda name: st.tuples(st.just(name.encode()), values(name))), max_size=5
)


@pytest.fixture(scope="module")
def fuzzed(running_gateway: Gateway) -> Iterator[httpx.Client]:
    """An administrator, who gets past the doors."""
    with running_gateway.client("admin", timeout_seconds=20) as client:
        yield client


def check(answer: httpx.Response, what: object) -> None:
    assert answer.is_success or answer.status_code in {304, 307, *ALLOWED}, (what, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", what
        assert answer.json()["error"]["code"], what
        assert answer.headers["x-request-id"], what


def path_of(operation: Operation) -> str:
    return operation.path.replace("{", "").replace("}", "")


#: One of each kind, and all that read headers of their own; with patience, all there are.
KINDS = {
    *("POST /auth/login", "POST /generate", "PUT /jobs/{job_id}", "GET /jobs", "GET /health"),
    *("GET /jobs/{job_id}", "GET /jobs/{job_id}/events", "POST /v1/responses", "POST /v1/files"),
    *("GET /v1/files/{file_id}/content", "POST /explain/batch", "DELETE /admin/dead"),
}
TARGETS = [one for one in OPERATIONS if TRIES > 50 or str(one) in KINDS]


@pytest.mark.parametrize("operation", TARGETS, ids=str)
@QUICK
@given(sent=headers)
def test_no_header_breaks_a_route(
    fuzzed: httpx.Client, operation: Operation, sent: list[tuple[bytes, bytes]]
) -> None:
    own = [] if any(name == b"authorization" for name, _ in sent) else fuzzed.headers.raw
    request = fuzzed.build_request(
        operation.method, path_of(operation), json=example_body(operation)
    )
    keep = [pair for pair in own if pair[0].lower() == b"authorization"]
    given = {name for name, _ in sent}
    base = [
        pair
        for pair in request.headers.raw
        if pair[0].lower() in (b"content-length", b"host") and pair[0].lower() not in given
    ]
    sent = [(b"host", b"example.com") if name == b"host" else (name, value) for name, value in sent]
    sent = list(dict(sent).items()) if given & {b"host"} else sent
    request.headers = httpx.Headers([*base, *keep, *sent])
    check(fuzzed.send(request), sent)


WITH_BODY = [one for one in OPERATIONS if json_body(one)]
bodies = (
    st.binary(max_size=300)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from(
        [
            *(b"", b"null", b"[]", b"{}", b"0", b'""', b"true", b"NaN", b"Infinity", b"{", b'{"a"'),
            *(
                b"\xff\xfe{\x00}\x00",
                b"\xef\xbb\xbf{}",
                b"[" * 5000,
                b'{"a":' * 3000,
                b"\x00" * 100,
            ),
            *(b'{"prompt": "\\ud800"}', b'{"prompt": "\xed\xa0\x80"}', b'{"prompt": 1e999}'),
            *(b'{"prompt": "x", "prompt": "y"}', b'{"max_tokens": ' + b"9" * 5000 + b"}"),
            b'{"prompt": "x", "temperature": -0.0, "seed": 1e400}',
        ]
    )
)
types = st.sampled_from(
    [
        "application/json",
        "text/plain",
        "application/json; charset=utf-16",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "",
    ]
)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
@QUICK
@given(body=bodies, kind=types)
def test_no_body_breaks_a_route(
    fuzzed: httpx.Client, operation: Operation, body: bytes, kind: str
) -> None:
    answer = fuzzed.request(
        operation.method, path_of(operation), content=body, headers={"Content-Type": kind}
    )
    check(answer, (kind, body))


@QUICK
@given(body=st.binary(max_size=400), boundary=st.sampled_from(["x", "", "--", "a" * 200]))
def test_no_upload_breaks_a_route(fuzzed: httpx.Client, body: bytes, boundary: str) -> None:
    framed = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + body
    for content in (body, framed, framed + b"\r\n--x--\r\n"):
        kind = f"multipart/form-data; boundary={boundary}"
        answer = fuzzed.post("/v1/files", content=content, headers={"Content-Type": kind})
        check(answer, content)


@QUICK
@given(path=st.text(max_size=60), query=st.text(max_size=60))
def test_no_path_breaks_the_gateway(fuzzed: httpx.Client, path: str, query: str) -> None:
    from urllib.parse import quote

    for prefix in ("/", "/jobs/", "/v1/files/", "/batches/", "/console/", "/admin/users/"):
        url = prefix + quote(path, errors="replace") + "?" + quote(query, errors="replace")
        check(fuzzed.get(url), url)


def test_the_check_would_see_a_broken_answer() -> None:
    request = httpx.Request("GET", "http://x/")
    with pytest.raises(AssertionError):
        check(httpx.Response(500, json={}, request=request), "x")
    with pytest.raises(AssertionError):
        check(httpx.Response(404, text="nothing", request=request), "x")
