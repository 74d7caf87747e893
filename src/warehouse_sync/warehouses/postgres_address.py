"""Where a server that speaks PostgreSQL's protocol is, from the fields of a connection.

A caller names a host, never how to connect to it: no connection string, no socket path, no list of hosts, no file of ours.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.catalogue.postgres import SSL_MODES
from warehouse_sync.warehouses.faults import fault, missing_parameter, parameter
from warehouse_sync.warehouses.network import Host

_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")
_MOST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database and how to get there.

    Attributes:
        host: where to connect, and the name for TLS.
        sslmode: one of ``SSL_MODES``.
        sslrootcert: certificates in PEM; None for the system's.
    """

    host: Host
    database: str
    user: str
    sslmode: str
    sslrootcert: str | None = field(repr=False)

    @property
    def checks_name(self) -> bool:
        return self.sslmode == "verify-full"

    @property
    def checks_certificate(self) -> bool:
        """As libpq: certificates that were given are used even where TLS alone was asked for."""
        return self.sslmode in {"verify-full", "verify-ca"} or (
            self.sslmode == "require" and self.sslrootcert is not None
        )


def postgres_address(address: WarehouseAddress, *, default_port: int) -> PostgresAddress:
    """Reads a connection's fields.

    Raises:
        WarehouseError: a field is missing, or is not what it says it is.
    """
    if "password" not in address.secrets:
        raise missing_parameter("password")
    mode = address.parameters.get("sslmode") or SSL_MODES[0]
    if mode not in SSL_MODES:
        raise wrong_field("sslmode", f"sslmode must be one of: {', '.join(SSL_MODES)}.")
    certificates = address.parameters.get("sslrootcert", "").strip() or None
    if certificates is not None and "-----BEGIN CERTIFICATE-----" not in certificates:
        raise wrong_field("sslrootcert", "sslrootcert must hold certificates in PEM, not the name of a file.")
    return PostgresAddress(
        host=Host(host_name(parameter(address, "host")), port_number(address, default_port), "Check host and port"),
        database=plain_name(address, "database"),
        user=plain_name(address, "user"),
        sslmode=mode,
        sslrootcert=certificates,
    )


def host_name(text: str) -> str:
    """A host as a caller gave it, if it is one name or address and nothing else."""
    if _HOST.fullmatch(text):
        return text
    try:
        if "%" not in text:
            return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    raise wrong_field(
        "host",
        "host must be one host name or address, like db.example.com: no connection string, no path, no list. Write an "
        "international name in its xn-- form.",
    )


def port_number(address: WarehouseAddress, default: int) -> int:
    """The ``port`` of a connection."""
    text = address.parameters.get("port") or str(default)
    if text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= _MOST_PORT:
        return int(text)
    raise wrong_field("port", f"port must be a number from 1 to {_MOST_PORT}.")


def plain_name(address: WarehouseAddress, field_name: str) -> str:
    """A required field that names something in the server."""
    text = parameter(address, field_name)
    if "\x00" in text:
        raise wrong_field(field_name, f"{field_name} holds a character that no name can have.")
    return text


def wrong_field(field_name: str, sentence: str) -> WarehouseError:
    """A field that cannot be used; the sentence says why."""
    return fault(WarehouseFault.MISCONFIGURED, WarehouseStep.CONFIGURE, sentence, field=field_name)
