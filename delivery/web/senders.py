"""Who sent a request, where a reverse proxy stands between: the address that the last proxy of our own saw."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TypeAlias

from aiohttp import web

Network: TypeAlias = IPv4Network | IPv6Network


def sender_of(request: web.Request, proxies: Sequence[Network]) -> str:
    """The nearest address that is no proxy's of `proxies`. Each proxy adds whom it saw at the right end of
    X-Forwarded-For; what stands further left is the sender's own word, and is not believed.
    """
    said = ",".join(request.headers.getall("X-Forwarded-For", []))
    nearest = request.remote or ""
    for hop in reversed(said.split(",")):
        if not _among(nearest, proxies) or not hop.strip():
            break
        nearest = hop.strip()
    return nearest


def _among(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
