"""The first steps of a conversation over the network: a name becomes addresses, the egress policy agrees to every one, one answers.

A name is resolved once. Whoever can, connects to an address that was judged, and keeps the name for TLS: a name that leads elsewhere a
moment later leads nowhere.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.egress import judge
from warehouse_sync.warehouses.faults import fault

_LONGEST_NAME: Final = 253


@dataclass(frozen=True, slots=True)
class Host:
    """Where a warehouse is said to be.

    Attributes:
        name: a host name or an address, as the driver will get it.
        port: the port.
        remedy: what to check when it is not there: names the connection's fields, e.g. "Check host and port".
    """

    name: str
    port: int
    remedy: str


def resolved(host: Host, allowed: Iterable[str]) -> tuple[str, ...]:
    """The addresses of a host, once the egress policy has agreed to every one of them.

    Args:
        host: where to.
        allowed: the operator's ``host:port`` entries.

    Raises:
        WarehouseError: ``unreachable`` if there is no such host, ``egress_denied`` if the policy forbids one of its addresses.
    """
    addresses = addresses_of(host.name, host.port)
    if not addresses:
        raise fault(
            WarehouseFault.UNREACHABLE,
            WarehouseStep.RESOLVE,
            f"There is no host {host.name[:_LONGEST_NAME]}. {host.remedy}.",
        )
    judge(host.name, host.port, addresses, allowed)
    return addresses


def addresses_of(name: str, port: int) -> tuple[str, ...]:
    """The addresses that a name resolves to, in the resolver's order; none if there is no such host."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM) if _is_possible(name) else []
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def connected(host: Host, addresses: Iterable[str], *, seconds: float) -> socket.socket:
    """A connection to the first of a host's addresses that answers.

    Raises:
        WarehouseError: ``unreachable``: none does.
    """
    for address in addresses:
        with suppress(OSError):
            return _connected(address, host.port, seconds)
    raise fault(
        WarehouseFault.UNREACHABLE,
        WarehouseStep.REACH,
        f"{host.name} does not answer. {host.remedy}, and that the network lets this service out.",
    )


def _connected(address: str, port: int, seconds: float) -> socket.socket:
    """A connection to an address; the library's own way would ask the resolver once more."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.settimeout(seconds)
        made.connect((address, port))
    except OSError:
        made.close()
        raise
    return made


def shake_hands(host: Host, connection: socket.socket) -> None:
    """Goes through a TLS handshake on a connection: the certificate must be valid and of the host's name.

    Raises:
        WarehouseError: it is not.
    """
    try:
        with ssl.create_default_context().wrap_socket(connection, server_hostname=host.name):
            pass
    except (OSError, ValueError) as error:
        raise no_certificate(host) from error


def no_certificate(host: Host) -> WarehouseError:
    """A host that cannot prove its name."""
    return fault(
        WarehouseFault.UNREACHABLE,
        WarehouseStep.TLS,
        f"{host.name} has no valid certificate of that name. {host.remedy}.",
    )


def _is_possible(name: str) -> bool:
    return bool(name) and len(name) <= _LONGEST_NAME and "\x00" not in name
