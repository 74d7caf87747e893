"""Sentences for warehouse faults: one fixed sentence with its remedy for each, and when the warehouse's own words are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import MASK
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep

SHOWN_CHARACTERS: Final = 500
_SHORTEST_MASKED: Final = 4  # masking shorter texts would mask half of every sentence and thereby tell what they are
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

SHOWS_WAREHOUSE_TEXT: Final = frozenset({WarehouseFault.QUERY, WarehouseFault.PERMISSION})
"""Only what concerns the customer's own query is quoted; log-in and network texts can name hosts and users."""

_QUOTES: Final = " The warehouse says: "


def own_words(text: str, secrets: Iterable[str]) -> str:
    """A warehouse's text, fit to be shown: secrets masked, on one line, at most 500 characters."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_MASKED:
            text = text.replace(secret, MASK)
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def secrets_of(address: WarehouseAddress) -> tuple[str, ...]:
    """The secret texts of an address, for masking them."""
    return tuple(secret.reveal() for secret in address.secrets.values())


def fault(
    kind: WarehouseFault,
    step: WarehouseStep,
    sentence: str,
    *,
    field: str | None = None,
    text: str = "",
    secrets: Iterable[str] = (),
) -> WarehouseError:
    """A ``WarehouseError`` that says ``sentence`` and, where that is allowed, what the warehouse said."""
    quoted = own_words(text, secrets) if kind in SHOWS_WAREHOUSE_TEXT else ""
    message = f"{sentence}{_QUOTES}{quoted}" if quoted else sentence
    return WarehouseError(message, fault=kind, step=step, field=field)


def without_own_words(message: str) -> str:
    """A fault's sentence alone, for readers who may not see what the warehouse said: that can quote values of rows."""
    return message.partition(_QUOTES)[0]


def missing_parameter(name: str) -> WarehouseError:
    """A connection without a field that its type needs."""
    return fault(
        WarehouseFault.MISCONFIGURED,
        WarehouseStep.CONFIGURE,
        f"The connection has no {name}. Add it to the connection.",
        field=name,
    )


def parameter(address: WarehouseAddress, name: str) -> str:
    """A required, non-secret field of a connection.

    Raises:
        WarehouseError: it is absent or blank.
    """
    value = address.parameters.get(name, "").strip()
    if not value:
        raise missing_parameter(name)
    return value
