"""The way out of the webhook worker, against real sockets and a real DNS server.

127.0.0.2 stands for a receiver on the internet: the allow list opens it, as no test can reach
a public address. 127.0.0.1 stands for what must never be reached.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import trustme

from common.addresses import Address
from tests.support.dns import NameServer
from tests.support.listener import (
    OK,
    Behaviour,
    Listener,
    answering,
    dripping,
    listening,
    pouring,
    silent,
)
from tests.support.waiting import wait_until
from worker.webhooks.egress import Answer, Egress, Refused, SendError
from worker.webhooks.egress.errors import (
    BadAnswer,
    TimedOut,
    TlsFailed,
    Unreachable,
    Unresolved,
)

OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"
HEADERS = {"content-type": "application/json"}


def egress(**changes: Any) -> Egress:
    knobs: dict[str, Any] = {"timeout_seconds": 5.0, "allow_networks": [ip_network(OUTSIDE)]}
    return Egress(**knobs | changes)


def leading_to(*addresses: str) -> Callable[[str, float], list[Address]]:
    """A resolver with one answer to everything."""
    return lambda host, seconds: [ip_address(text) for text in addresses]


@pytest.fixture
def inside() -> Iterator[Listener]:
    """A server that only this machine should reach."""
    with listening(address=INSIDE) as listener:
        yield listener


@pytest.fixture
def outside(inside: Listener) -> Iterator[Listener]:
    """A receiver, at the same port."""
    with listening(address=OUTSIDE, port=inside.port) as listener:
        yield listener


def test_a_request_arrives_as_it_was_sent(outside: Listener) -> None:
    answer = egress(resolve=leading_to(OUTSIDE)).post(
        f"http://hook.example:{outside.port}/a?b=c", {**HEADERS, "webhook-id": "evt_1"}, b"{}"
    )

    assert (answer.status, answer.body, answer.retry_after_seconds) == (200, b"ok", None)
    assert 0 < answer.duration_seconds < 5
    head, _, body = outside.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /a?b=c HTTP/1.1",
        f"Host: hook.example:{outside.port}".encode(),
        b"content-type: application/json",
        b"webhook-id: evt_1",
        b"Content-Length: 2",
    ]
    assert body == b"{}"


# --- names that lead elsewhere --------------------------------------------------------------


def check_then_connect(server: NameServer, port: int) -> None:
    """What a guard does that checks a name and lets its HTTP library resolve it again."""
    assert server.resolve("rebind.example", 1) == [ip_address(OUTSIDE)]
    (address,) = server.resolve("rebind.example", 1)
    socket.create_connection((str(address), port)).close()


def test_a_name_that_is_rebound_after_the_check_leads_nowhere_else(
    inside: Listener, outside: Listener
) -> None:
    url = f"http://rebind.example:{outside.port}/"
    # Given a name that leads outside when it is first asked for, and inside ever after
    with NameServer.running(rebind_example=[[OUTSIDE], [INSIDE]]) as server:
        sender = egress(resolve=server.resolve)
        # When a request is sent
        answer = sender.post(url, HEADERS, b"{}")
        # Then the name was asked for once, and the request went to the address that was checked
        assert (answer.status, server.lookups("rebind.example")) == (200, 1)
        assert (len(outside.requests), inside.connections) == (1, 0)
        assert b"Host: rebind.example" in outside.requests[0]
        # And the next request finds it rebound, and is not sent
        with pytest.raises(Refused, match=r"leads to an address that is not public \(loopback\)"):
            sender.post(url, HEADERS, b"{}")
        assert inside.connections == 0


def test_the_same_name_does_fool_whoever_resolves_twice(
    inside: Listener, outside: Listener
) -> None:
    with NameServer.running(rebind_example=[[OUTSIDE], [INSIDE]]) as server:
        check_then_connect(server, inside.port)

    wait_until(lambda: inside.connections == 1, what="the connection")
    assert outside.connections == 0


@pytest.mark.parametrize("hidden", [INSIDE, "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
@pytest.mark.parametrize("place", [0, 1])
def test_one_bad_address_among_good_ones_refuses_all(
    outside: Listener, hidden: str, place: int
) -> None:
    addresses = [OUTSIDE]
    addresses.insert(place, hidden)
    with NameServer.running(mixed_example=[addresses]) as server, pytest.raises(Refused):
        egress(resolve=server.resolve).post(f"http://mixed.example:{outside.port}/", HEADERS, b"{}")

    assert outside.connections == 0


def test_a_name_without_an_address_is_no_mystery() -> None:
    with (
        NameServer.running(empty_example=[[]]) as server,
        pytest.raises(Unresolved, match=r"empty.example has no address"),
    ):
        egress(resolve=server.resolve).post("https://empty.example/", HEADERS, b"{}")


def test_the_resolver_of_the_machine_is_asked_by_default(outside: Listener) -> None:
    # Given `localhost`, which every machine knows, and an allow list without it
    with pytest.raises(Refused, match="loopback"):
        egress().post(f"http://localhost:{outside.port}/", HEADERS, b"{}")
    with pytest.raises(Unresolved, match=r"nowhere\.invalid"):
        egress().post("http://nowhere.invalid/", HEADERS, b"{}")


def test_the_next_address_is_tried_when_the_first_is_dead(outside: Listener) -> None:
    both = [ip_network("127.0.0.2/31")]
    sender = egress(resolve=leading_to("127.0.0.3", OUTSIDE), allow_networks=both)

    assert sender.post(f"http://hook.example:{outside.port}/", HEADERS, b"{}").status == 200


# --- TLS ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str, seen: list[str | None]) -> ssl.SSLContext:
    """A certificate for ``name``, and a record of the names that clients ask for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    context.sni_callback = lambda _, asked, __: seen.append(asked)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_the_certificate_is_that_of_the_name_not_of_the_address(authority: trustme.CA) -> None:
    # Given a receiver with a certificate for its name
    seen: list[str | None] = []
    tls = server_tls(authority, "hook.example", seen)
    with listening(address=OUTSIDE, tls=tls) as listener:
        # When a request is sent to the address that its name leads to
        sender = egress(resolve=leading_to(OUTSIDE), tls=trusting(authority), https_only=True)
        answer = sender.post(f"https://hook.example:{listener.port}/", HEADERS, b"{}")
        # Then SNI and Host have the name
        assert (answer.status, seen) == (200, ["hook.example"])
        assert f"Host: hook.example:{listener.port}".encode() in listener.requests[0]


@pytest.mark.parametrize(("name", "trusted"), [("other.example", True), ("hook.example", False)])
def test_a_receiver_that_cannot_prove_its_name_gets_nothing(
    authority: trustme.CA, name: str, trusted: bool
) -> None:
    knobs = {"tls": trusting(authority)} if trusted else {}
    with listening(address=OUTSIDE, tls=server_tls(authority, name, [])) as listener:
        with pytest.raises(TlsFailed, match="TLS failed"):
            egress(resolve=leading_to(OUTSIDE), **knobs).post(
                f"https://hook.example:{listener.port}/", HEADERS, b"{}"
            )
        assert listener.requests == []


def test_production_sends_in_the_clear_to_nobody_that_is_not_listed() -> None:
    with pytest.raises(Refused, match="https://"):
        egress(resolve=leading_to("93.184.216.34"), https_only=True).post(
            "http://hook.example/", HEADERS, b"{}"
        )


# --- no other way ---------------------------------------------------------------------------


def test_a_redirect_is_an_answer_and_is_never_followed(inside: Listener) -> None:
    moved = f"HTTP/1.1 302 Found\r\nLocation: http://{INSIDE}:{inside.port}/\r\n\r\n".encode()
    with listening(answering(moved), OUTSIDE) as listener:
        answer = egress().post(f"http://{OUTSIDE}:{listener.port}/", HEADERS, b"{}")

    assert (answer.status, inside.connections) == (302, 0)


def test_no_proxy_is_taken_from_the_environment(
    outside: Listener, inside: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{INSIDE}:{inside.port}")

    answer = egress().post(f"http://{OUTSIDE}:{outside.port}/", HEADERS, b"{}")

    assert (answer.status, inside.connections) == (200, 0)


def test_a_connection_is_not_kept(outside: Listener) -> None:
    for _ in range(2):
        egress().post(f"http://{OUTSIDE}:{outside.port}/", HEADERS, b"{}")

    assert outside.connections == 2


# --- receivers that take their time ---------------------------------------------------------

#: A sender may take a third of a second, and a busy machine some more. Without a limit each of
#: these takes longer than both.
LIMIT_SECONDS, GIVEN_UP_WITHIN_SECONDS = 0.3, 5.0
LATE = {
    "silence": silent,
    "a head that drips": dripping(OK, 0.2),
    "a body that drips": dripping(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000),
    "hints that drip": dripping(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100),
}


def give_up(url: str, body: bytes = b"{}") -> None:
    """Send something within the limit, in vain."""
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"within 0\.3 seconds|in time"):
        egress(timeout_seconds=LIMIT_SECONDS).post(url, HEADERS, body)
    assert time.monotonic() - began < GIVEN_UP_WITHIN_SECONDS


@pytest.mark.parametrize("behaviour", LATE.values(), ids=LATE.keys())
def test_the_time_is_that_of_the_whole_request(behaviour: Behaviour) -> None:
    with listening(behaviour, OUTSIDE) as listener:
        give_up(f"http://{OUTSIDE}:{listener.port}/")


def test_a_receiver_that_reads_nothing_costs_no_more() -> None:
    with listening(silent, OUTSIDE) as listener:
        give_up(f"http://{OUTSIDE}:{listener.port}/", b"x" * 16_000_000)


def test_a_handshake_that_never_ends_costs_no_more() -> None:
    with listening(silent, OUTSIDE) as listener:
        give_up(f"https://{OUTSIDE}:{listener.port}/")


def test_a_name_server_that_never_answers_costs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(silent) as blocked:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: blocked.over.wait(10) and [])
        give_up("https://hook.example/")


# --- receivers that say too much, or nothing that makes sense -------------------------------

LIMIT = 65_536


def sent_to(behaviour: Behaviour) -> Answer:
    with listening(behaviour, OUTSIDE) as listener:
        return egress().post(f"http://{OUTSIDE}:{listener.port}/", HEADERS, b"{}")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08",
    ],
)
def test_of_a_huge_answer_only_the_beginning_is_read(head: bytes) -> None:
    answer = sent_to(pouring(head, b"x" * 50_000))

    assert answer.status == 200
    assert LIMIT - len(head) <= len(answer.body) <= LIMIT


NONSENSE = {
    "an endless head": pouring(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 50_000),
    "endless hints": pouring(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
    "no HTTP": answering(b"220 mail.example ESMTP\r\n"),
    "nothing": answering(b""),
    "half a head": answering(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a body": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    "two lengths": answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    ),
}


@pytest.mark.parametrize("behaviour", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_a_failure_with_a_reason(behaviour: Behaviour) -> None:
    with pytest.raises(BadAnswer, match=r"\.$") as failed:
        sent_to(behaviour)

    assert "Traceback" not in failed.value.reason


def test_a_closed_port_is_unreachable() -> None:
    with listening(address=OUTSIDE) as listener:
        port = listener.port
    with pytest.raises(Unreachable, match=f"no connection to {OUTSIDE} at port {port}"):
        egress().post(f"http://{OUTSIDE}:{port}/", HEADERS, b"{}")


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (b"7", 7, 7),
        (b"Wed, 21 Oct 2099 07:28:00 GMT", 1e9, 1e10),
        (b"Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        (b"99999999999999999999", 999_999_999, 999_999_999),
    ],
)
def test_a_wish_to_wait_is_understood(value: bytes, low: float, high: float) -> None:
    answer = sent_to(answering(b"HTTP/1.1 503 Busy\r\nRetry-After: " + value + b"\r\n\r\n"))

    assert answer.status == 503
    assert answer.retry_after_seconds is not None
    assert low <= answer.retry_after_seconds <= high


@pytest.mark.parametrize("value", [b"soon", b"-1", b"1.5", b"\xb2", b""])
def test_a_wish_that_makes_no_sense_is_none(value: bytes) -> None:
    answer = sent_to(answering(b"HTTP/1.1 503 Busy\r\nRetry-After: " + value + b"\r\n\r\n"))

    assert answer.retry_after_seconds is None


def test_every_failure_is_one_kind_of_error_to_the_caller() -> None:
    kinds = (BadAnswer, Refused, TimedOut, TlsFailed, Unreachable, Unresolved)

    assert {kind for kind in kinds if not issubclass(kind, SendError)} == set()
