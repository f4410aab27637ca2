"""May an address that a certificate names be asked? Public ones may: a certificate must not make Pero talk to services
of this machine or of its neighbours. Networks beyond that are named in the settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64 (RFC 6052): the last four octets are an IPv4 address


def networks(named: Iterable[str]) -> tuple[Network, ...]:
    """Of the settings: "10.0.0.0/8", "fd00::/8", "127.0.0.1". Raises ValueError."""
    return tuple(ipaddress.ip_network(one, strict=False) for one in named)


def may_be_asked(host: str, allowed: Sequence[Network]) -> bool:
    """`host` is an address in digits, as the resolver gives it."""
    try:
        address = _inner(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return False
    if any(address.version == network.version and address in network for network in allowed):
        return True
    local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or local)


def is_public_name(host: str, allowed: Sequence[Network]) -> bool:
    """For names nothing is said yet, the resolver's addresses are looked at; but where a proxy resolves them, the name
    that means this machine must be known here."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        return bool(allowed) or not (name == "localhost" or name.endswith(".localhost"))
    return may_be_asked(host, allowed)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
