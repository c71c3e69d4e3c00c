"""Addresses that a name may lead to, and those that it may not."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.addresses import Address, why_refused

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"]


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_let_through(text: str) -> None:
    assert why_refused(ip_address(text)) is None


@given(st.ip_addresses())
@example(IPv4Address("192.0.0.9"))
@example(IPv6Address("2001:1::1"))
def test_whatever_the_standard_library_calls_not_global_is_refused(address: Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        nat64 = address in ip_network("64:ff9b::/96")
        assert why_refused(address) is not None or nat64


@given(st.ip_addresses(v=4))
@example(IPv4Address("127.0.0.1"))
@example(IPv4Address("8.8.8.8"))
def test_an_address_behind_a_translator_is_judged_by_what_it_means(v4: IPv4Address) -> None:
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | int(v4))

    assert why_refused(translated) == why_refused(v4)


@given(st.ip_addresses(v=4))
def test_no_tunnel_hides_an_address(v4: IPv4Address) -> None:
    number = int(v4)
    for disguised in (
        IPv6Address(0x2002 << 112 | number << 80),  # 6to4
        IPv6Address(0x20010000 << 96 | number),  # Teredo
        IPv6Address(0xFFFF << 32 | number),  # IPv4-mapped
        IPv6Address(number),  # IPv4-compatible
        IPv6Address(0xFFFF << 48 | number),  # SIIT
    ):
        assert why_refused(disguised) is not None


def test_a_zone_hides_nothing() -> None:
    assert why_refused(IPv6Address("fe80::1%eth0")) == "link-local"
    assert why_refused(IPv6Address("::1%lo")) == "loopback"


def test_an_allow_list_opens_its_networks_but_never_the_metadata_servers() -> None:
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]

    assert why_refused(ip_address("10.0.0.1"), everything) is None
    assert why_refused(ip_address("::1"), everything) is None
    for text in ("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "168.63.129.16"):
        assert why_refused(ip_address(text), everything) == "metadata"
