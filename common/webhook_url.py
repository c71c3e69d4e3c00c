"""Webhook URLs: what the gateway takes and the worker sends to, by one set of rules.

The grammar is stricter than any library's, so that no two parsers read a URL differently:
ASCII, no user name, no fragment, and an address only in its canonical form.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from common.addresses import Address, Network, is_listed, why_refused

MAX_URL_LENGTH = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

#: Names that never mean a host of the internet (RFC 6761, RFC 8375, ICANN 2024).
_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa")

_FOREIGN = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URL = re.compile(r"(https?)://([^/?#]*)((?:/[^?#]*)?(?:\?[^#]*)?)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LONGEST_NAME = 253
_HIGHEST_PORT = 65_535


class UrlRefused(ValueError):
    """Why nothing is sent there, in words that follow the name of the field."""


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """A URL in its parts; ``address`` is the host where that is one, ``target`` path and query."""

    scheme: str
    host: str
    port: int
    target: str
    address: Address | None = None

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class EgressRules:
    """Where webhooks may go; addresses in ``allowed`` are free of port, https and address rules."""

    allowed: tuple[Network, ...] = ()
    https_only: bool = False

    def check_url(self, url: WebhookUrl) -> None:
        """Before the name is resolved. Raises UrlRefused at what no address can make right."""
        if url.address is not None:
            self.check_addresses(url, [url.address])
        elif not self.allowed:
            name = f".{url.host}"
            if name.count(".") == 1 or name.endswith(tuple(f".{end}" for end in _PRIVATE_NAMES)):
                raise UrlRefused(f"has the host {url.host}, which is no name of the internet")
            self._check_public(url)

    def check_addresses(self, url: WebhookUrl, addresses: Iterable[Address]) -> None:
        """Before a connection: every address must pass. Raises UrlRefused."""
        for address in addresses:
            reason = why_refused(address, self.allowed)
            if reason:
                leads = "is" if url.address else "leads to"
                raise UrlRefused(f"{leads} an address that is not public ({reason})")
            if not is_listed(address, self.allowed):
                self._check_public(url)

    def _check_public(self, url: WebhookUrl) -> None:
        if self.https_only and url.scheme != "https":
            raise UrlRefused("must begin with https://")
        if url.port not in DEFAULT_PORTS.values():
            raise UrlRefused(f"has the port {url.port}, and only 80 and 443 are allowed")


def parse_webhook_url(text: str) -> WebhookUrl:
    """Raises UrlRefused."""
    if len(text) > MAX_URL_LENGTH:
        raise UrlRefused(f"has {len(text)} characters, and {MAX_URL_LENGTH} are allowed")
    if found := _FOREIGN.search(text):
        raise UrlRefused(
            f"has U+{ord(found[0]):04X} at {found.start()}; write international names as "
            "xn--… and percent-encode the rest"
        )
    if found := _BAD_ESCAPE.search(text):
        raise UrlRefused(f"has a % at {found.start()} without two hexadecimal digits")
    if "#" in text:
        raise UrlRefused("has a fragment (#), which is never sent")
    whole = _URL.fullmatch(text)
    if not whole:
        raise UrlRefused("must begin with https:// or http:// and a host")
    scheme, authority, target = whole[1].lower(), whole[2].lower(), whole[3]
    if "@" in authority:
        raise UrlRefused("has a user name in it; requests are signed instead")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise UrlRefused("has a host that cannot be read")
    host, address = _host(parts[1])
    target = target if target.startswith("/") else f"/{target}"
    return WebhookUrl(scheme, host, _port(parts[2], scheme), target, address)


def _port(digits: str | None, scheme: str) -> int:
    if digits is None:
        return DEFAULT_PORTS[scheme]
    if not _PORT.fullmatch(digits) or int(digits) > _HIGHEST_PORT:
        raise UrlRefused(f"has the port {digits[:20] or 'nothing'!r}, which is none")
    return int(digits)


def _host(text: str) -> tuple[str, Address | None]:
    """The host in its one form, and its address where it is one."""
    try:
        if text.startswith("["):
            if "%" in text:
                raise UrlRefused("has an IPv6 address with a zone")
            v6 = IPv6Address(text[1:-1])
            return str(v6), v6
        if _NUMBER.fullmatch(text.rpartition(".")[2]):
            v4 = IPv4Address(text)
            return str(v4), v4
    except AddressValueError as error:
        raise UrlRefused(
            "has an address that is not written as one: 192.0.2.1, [2001:db8::1]"
        ) from error
    labels = text.split(".")
    if len(text) > _LONGEST_NAME or not all(map(_is_label, labels)):
        raise UrlRefused("has a host that is no name")
    return text, None


def _is_label(label: str) -> bool:
    """Whether this may stand between the dots of a name; xn-- must be what it decodes to."""
    if not _LABEL.fullmatch(label):
        return False
    if not label.startswith("xn--"):
        return True
    try:
        spoken = label[4:].encode().decode("punycode")
    except UnicodeError:
        return False
    return not spoken.isascii() and unicodedata.normalize("NFKC", spoken).lower() == spoken
