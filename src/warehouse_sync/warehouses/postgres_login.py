"""Logging in to a server that speaks PostgreSQL's protocol, step by step, over a connection to an address that was judged.

The drivers that read the rows tell nothing but a text, in the server's language, when a log-in fails. This one tells the code.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterable
from typing import Final

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault
from warehouse_sync.warehouses.network import connected, no_certificate
from warehouse_sync.warehouses.postgres_address import PostgresAddress
from warehouse_sync.warehouses.postgres_faults import postgres_fault

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80_877_103)


def try_login(
    title: str, place: PostgresAddress, password: Secret, addresses: Iterable[str], *, seconds: float
) -> None:
    """Goes from reaching the server to using the database, and leaves again.

    Args:
        title: the warehouse's name for people.
        place: which database, and how.
        addresses: of its host, judged.
        seconds: how long each step may take.

    Raises:
        WarehouseError: a step failed; it says which.
    """
    with connected(place.host, addresses, seconds=seconds) as plain:
        session = plain if place.sslmode == "disable" else _encrypted(place, plain)
        try:
            connection = Connection(
                place.user,
                password=password.reveal(),
                database=place.database,
                sock=session,
                ssl_context=False,  # that is done
                application_name="warehouse-sync",
            )
            connection.close()
        except DatabaseError as error:
            raise postgres_fault(title, _code(error), _text(error), WarehouseStep.LOGIN) from error
        except (InterfaceError, OSError, struct.error, UnicodeError, IndexError, KeyError, ValueError) as error:
            raise postgres_fault(title, None, "", WarehouseStep.LOGIN) from error
        finally:
            session.close()


def tls_context(place: PostgresAddress) -> ssl.SSLContext:
    """What the connection's ``sslmode`` and ``sslrootcert`` ask of the server.

    Raises:
        WarehouseError: ``sslrootcert`` holds no certificate.
    """
    try:
        context = ssl.create_default_context(cadata=place.sslrootcert)
    except (ssl.SSLError, ValueError) as error:
        raise fault(
            WarehouseFault.MISCONFIGURED,
            WarehouseStep.CONFIGURE,
            "sslrootcert holds no certificate in PEM that can be read.",
            field="sslrootcert",
        ) from error
    context.check_hostname = place.checks_name
    if not place.checks_certificate:
        context.verify_mode = ssl.CERT_NONE
    return context


def _encrypted(place: PostgresAddress, plain: socket.socket) -> ssl.SSLSocket:
    context = tls_context(place)
    try:
        plain.sendall(_SSL_REQUEST)
        if plain.recv(1) != b"S":
            raise _no_tls(place)
        return context.wrap_socket(plain, server_hostname=place.host.name)
    except ssl.SSLCertVerificationError as error:
        raise no_certificate(place.host) from error
    except (OSError, ValueError) as error:
        raise _no_tls(place) from error


def _no_tls(place: PostgresAddress) -> WarehouseError:
    return fault(
        WarehouseFault.UNREACHABLE,
        WarehouseStep.TLS,
        f"{place.host.name} does not speak TLS. Turn it on in the server, or, in a network that nobody else can listen to, give "
        "the connection sslmode disable.",
        field="sslmode",
    )


def _code(error: DatabaseError) -> str | None:
    facts = error.args[0] if error.args else None
    return str(facts["C"]) if isinstance(facts, dict) and "C" in facts else None


def _text(error: DatabaseError) -> str:
    facts = error.args[0] if error.args else None
    return str(facts.get("M", "")) if isinstance(facts, dict) else ""
