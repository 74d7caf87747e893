"""Which addresses the service may connect to. A pure judgement: resolving and connecting are the adapter's.

Every address a name resolves to is judged, because a driver may take any of them. Addresses in disguise (IPv4 inside IPv6, 6to4,
NAT64, Teredo) are judged by what they carry.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import Enum
from typing import Final

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_METADATA: Final = frozenset(
    ipaddress.ip_address(text) for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_IPV4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class Standing(Enum):
    """What the policy says of a host."""

    ALLOWED = "allowed"
    UNLISTED = "unlisted"  # private, and the operator has not listed it
    FORBIDDEN = "forbidden"  # whatever the operator lists


def standing(host: str, port: int, addresses: Iterable[str], allowed: Iterable[str]) -> Standing:
    """Whether every address of a host may be reached.

    Public addresses are allowed. Loopback, private and shared ranges need ``host:port`` in ``allowed``. Unspecified, link-local,
    cloud metadata, multicast and reserved addresses are forbidden even then.

    Args:
        host: the name or address as it will be given to the driver.
        port: the port.
        addresses: everything ``host`` resolves to, as texts; a zone id is ignored.
        allowed: the operator's ``host:port`` entries; an IPv6 address stands in brackets.
    """
    judged = [_carried(ipaddress.ip_address(text.partition("%")[0])) for text in addresses]
    if not judged or any(_is_forbidden(address) for address in judged):
        return Standing.FORBIDDEN
    if is_listed(host, port, allowed) or all(_is_public(address) for address in judged):
        return Standing.ALLOWED
    return Standing.UNLISTED


def is_listed(host: str, port: int, allowed: Iterable[str]) -> bool:
    """Whether the operator's entries name this host and port."""
    return authority(host, port) in {entry.strip().lower() for entry in allowed}


def judge(host: str, port: int, addresses: Iterable[str], allowed: Iterable[str]) -> None:
    """Refuses a warehouse unless every address may be reached; arguments as of :func:`standing`.

    Raises:
        WarehouseError: ``egress_denied``. The sentence names the host and never an address: a name must not become a way to
            read the operator's DNS.
    """
    stands = standing(host, port, addresses, allowed)
    if stands is Standing.FORBIDDEN:
        raise _denied(f"{host} leads to an address that warehouses cannot have. Use the public host of your warehouse.")
    if stands is Standing.UNLISTED:
        raise _denied(
            f"{host} leads to a private address. If that is where the warehouse is, the operator can list "
            f"{authority(host, port)} in the setting WAREHOUSE_SYNC_ALLOWED_HOSTS."
        )


def authority(host: str, port: int) -> str:
    """``host:port`` in the one spelling that lists of allowed hosts are compared in."""
    name = host.strip().rstrip(".").lower()
    name = name.strip("[]")
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _carried(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, if there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    compatible = address in _IPV4_COMPATIBLE and int(address) > 1
    if compatible or any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_forbidden(address: Address) -> bool:
    reserved = address.is_reserved and not address.is_loopback
    return (
        address.is_unspecified
        or address.is_link_local
        or address.is_multicast
        or reserved
        or address in _METADATA
        or (isinstance(address, ipaddress.IPv4Address) and address.packed[0] == 0)
    )


def _is_public(address: Address) -> bool:
    # Python takes fec0::/10, the private networks of old, for public.
    return address.is_global and (address.version == 4 or address in _GLOBAL_UNICAST)


def _denied(sentence: str) -> WarehouseError:
    return WarehouseError(sentence, fault=WarehouseFault.EGRESS_DENIED, step=WarehouseStep.RESOLVE)
