"""Small facts about this home that must lie in the same file as the data they belong to, e.g. the vault's sentinel."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from warehouse_sync.catalog.database import Transaction
from warehouse_sync.catalog.schema import home_facts

VAULT_SENTINEL: Final = "vault_sentinel"
"""The fact that tells whether the master key is the one the secrets were sealed with."""


def get(tx: Transaction, name: str) -> bytes | None:
    """The fact's value, or None if it was never recorded."""
    return tx.execute(sa.select(home_facts.c.value).where(home_facts.c.name == name)).scalar_one_or_none()


def put(tx: Transaction, name: str, value: bytes) -> None:
    """Records a fact, replacing its earlier value."""
    tx.execute(sa.delete(home_facts).where(home_facts.c.name == name))
    tx.execute(sa.insert(home_facts).values(name=name, value=value))
