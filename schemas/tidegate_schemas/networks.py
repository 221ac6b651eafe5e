"""Addresses cut to their network, so that they tell no household."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

__all__ = ["IPV4_PREFIX", "IPV6_PREFIX", "truncated_ip"]

IPV4_PREFIX = 24
IPV6_PREFIX = 48


@lru_cache(maxsize=10_000)
def truncated_ip(text: str) -> str | None:
    """The address of its network: /24 for IPv4 (also when mapped into IPv6), /48 for IPv6; None if it is none."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    prefix = IPV4_PREFIX if address.version == 4 else IPV6_PREFIX
    return str(ip_network((address, prefix), strict=False).network_address)
