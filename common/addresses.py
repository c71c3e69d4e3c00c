"""Which addresses of the internet a stranger's URL may lead to."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Where clouds hand out credentials; no allow list opens these.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, GCP, Azure, DigitalOcean
            "169.254.170.2",  # AWS ECS
            "169.254.170.23",  # AWS EKS
            "168.63.129.16",  # Azure's wire server: a public address
            "192.0.0.192",  # Oracle
            "100.100.100.200",  # Alibaba
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS EKS
            "fd20:ce::254",  # GCP
        ),
    )
)

#: IANA's special-purpose registries of IPv4 and, within 2000::/3, of IPv6.
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "6to4"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "reserved"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

#: The only part of IPv6 that is routed in public.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
#: IPv4 through a translator: the last 32 bits are the address that is meant (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


def why_refused(address: Address, allowed: Iterable[Network] = ()) -> str | None:
    """The kind of an address that nobody may be sent to; None for one that is public.

    An address in a network of ``allowed`` passes too, unless it is a metadata server's.
    """
    meant = _meant(address)
    if meant in _METADATA:
        return "metadata"
    if is_listed(address, allowed):
        return None
    for network, name in _SPECIAL:
        if meant in network:
            return name
    if isinstance(meant, IPv6Address) and meant not in _GLOBAL_UNICAST:
        return "reserved"
    return None


def is_listed(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks holds the address."""
    return any(address in network for network in networks)


def _meant(address: Address) -> Address:
    """The address at which a packet arrives, so that no form of writing one hides it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None and IPv4Address(address.ipv4_mapped) in _METADATA:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
        return IPv6Address(int(address))  # without a zone
    return address
