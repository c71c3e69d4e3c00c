"""Whose address counts, with proxies in between and liars in front."""

import asyncio
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.proxies import ForwardedBy, bucket_of, client_of

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
STRANGER = "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        pytest.param(STRANGER, "1.2.3.4", STRANGER, id="nobody's word but a proxy's counts"),
        pytest.param("10.0.0.1", STRANGER, STRANGER, id="one proxy"),
        pytest.param("10.0.0.1", f"{STRANGER}, 10.0.0.2", STRANGER, id="two proxies"),
        pytest.param("10.0.0.1", f"1.2.3.4, {STRANGER}", STRANGER, id="a forged first entry"),
        pytest.param(
            "10.0.0.1", f"10.9.9.9, {STRANGER}, 10.0.0.2", STRANGER, id="a forged proxy's entry"
        ),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", "unknown", "10.0.0.1", id="a proxy that does not know"),
        pytest.param("10.0.0.1", f"{STRANGER}, junk", "10.0.0.1", id="junk hides what is left"),
        pytest.param("10.0.0.1", f"{STRANGER}:4711", STRANGER, id="with a port"),
        pytest.param("fd00::1", "[2001:db8::9]:443", "2001:db8::9", id="IPv6 with a port"),
        pytest.param("::ffff:10.0.0.1", STRANGER, STRANGER, id="IPv4 in IPv6"),
        pytest.param("10.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9", id="a client among the proxies"),
    ],
)
def test_the_client_is_the_first_who_is_no_listed_proxy(peer: str, said: str, client: str) -> None:
    assert client_of(peer, said, PROXIES) == client


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(st.lists(st.one_of(ADDRESSES, st.text(max_size=20)), max_size=5), ADDRESSES)
def test_what_a_client_writes_never_changes_who_it_is(forged: list[str], client: str) -> None:
    # Given a client that is no proxy itself, and one proxy that notes whom it hears
    known = ip_address(client)
    if any(known in network for network in PROXIES) or getattr(known, "ipv4_mapped", None):
        return
    said = ", ".join([*forged, client])
    # Then it is found, whatever it sent
    assert ip_address(client_of("10.0.0.1", said, PROXIES)) == known


@given(st.text(), ADDRESSES)
def test_whatever_is_said_an_address_comes_out(said: str, peer: str) -> None:
    ip_address(client_of(peer, said, PROXIES))


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_whole_network_of_one_ipv6_client_is_one(address: str, bucket: str) -> None:
    assert bucket_of(address) == bucket


def passed_on(scope: dict[str, Any], proxies: Any = PROXIES) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def app(scope: Any, _: Any, __: Any) -> None:
        seen.update(scope)

    asyncio.run(ForwardedBy(app, proxies)(scope, None, None))  # type: ignore[arg-type]
    return seen


def scope(peer: str, **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "scheme": "http", "client": (peer, 1), "headers": raw}


def test_a_listed_proxy_names_client_and_scheme() -> None:
    seen = passed_on(scope("10.0.0.1", x_forwarded_for=STRANGER, x_forwarded_proto="https"))

    assert (seen["client"][0], seen["scheme"]) == (STRANGER, "https")


@pytest.mark.parametrize("proxies", [PROXIES, ()])
def test_anybody_else_names_nothing(proxies: Any) -> None:
    given_scope = scope(STRANGER, x_forwarded_for="10.0.0.1", x_forwarded_proto="https")
    seen = passed_on(given_scope, proxies)

    assert (seen["client"][0], seen["scheme"]) == (STRANGER, "http")


def test_headers_sent_twice_are_read_as_one() -> None:
    given_scope = scope("10.0.0.1")
    given_scope["headers"] = [
        (b"x-forwarded-for", b"6.6.6.6"),
        (b"x-forwarded-for", STRANGER.encode()),
        (b"x-forwarded-proto", b"https, javascript"),
    ]
    seen = passed_on(given_scope)

    assert (seen["client"][0], seen["scheme"]) == (STRANGER, "http")
