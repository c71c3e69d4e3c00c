"""Who asks, where a proxy stands in between: its headers count only if it is a listed one.

``X-Forwarded-For`` is read from the right: each listed proxy wrote down who spoke to it, and
the first who is no listed proxy is the client. What stands left of that anybody could have
written. ``Forwarded`` and ``X-Forwarded-Host`` are not read at all.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from common.addresses import Address, Network

_SCHEMES = frozenset({"http", "https"})


class ForwardedBy:
    """ASGI middleware that corrects ``scope['client']`` and ``scope['scheme']``."""

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = tuple(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if self._proxies and peer and _is_listed(_address(peer[0]), self._proxies):
            headers = Headers(scope=scope)
            said = ",".join(headers.getlist("x-forwarded-for"))
            scope["client"] = (client_of(peer[0], said, self._proxies), 0)
            scheme = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip()
            if scheme.lower() in _SCHEMES:
                scope["scheme"] = scheme.lower()
        await self._app(scope, receive, send)


def client_of(peer: str, forwarded_for: str, proxies: Iterable[Network]) -> str:
    """The client's address: ``peer``, or whom the listed proxies name.

    What cannot be an address ends the search at the proxy that passed it on.
    """
    listed, client = tuple(proxies), peer
    for said in reversed(forwarded_for.split(",")):
        address = _address(client)
        if address is None or not _is_listed(address, listed):
            break
        named = _address(_without_port(said.strip()))
        if named is None:
            break
        client = str(named)
    return client


def bucket_of(address: str) -> str:
    """What a limit by address counts: an IPv6 client has all addresses of its /64."""
    known = _address(address)
    if isinstance(known, IPv6Address):
        return str(IPv6Network((known, 64), strict=False))
    return address if known is None else str(known)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))  # without its zone
    return address


def _is_listed(address: Address | None, proxies: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in proxies)


def _without_port(text: str) -> str:
    """``[::1]:80`` and ``10.0.0.1:80`` without the port; an address alone stays."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
