"""Faults on request: how the emulator misbehaves when told to with ``--fault NAME:ROWS``.

A fault strikes at the part of a result that holds row ROWS + 1, and at every part after it. It keeps no state, so that a retry meets the
same fault. A new one is a name in ``FaultName``, a sentence in ``MEANINGS``, and what it does: to the rows (``Fault.sent``), to their
bytes (``Fault.body``), or to the answer (``deliveries.py``).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa


class FaultName(StrEnum):
    """The faults there are, as people name them."""

    RESET = "drop-after"
    HOLE = "black-hole"
    TRICKLE = "one-byte-a-second"
    EXPIRED = "expired-login"
    TRUNCATED = "truncated-arrow"
    RETYPED = "type-change"
    DUPLICATE = "duplicate-chunk"


MEANINGS = {
    FaultName.RESET: "the connection is reset",
    FaultName.HOLE: "nothing more comes, and nothing is closed",
    FaultName.TRICKLE: "the rest comes one byte a second",
    FaultName.EXPIRED: "the log-in has expired, and the links to the rest of the result with it",
    FaultName.TRUNCATED: "the Arrow of each part ends in its middle, inside an answer that is whole",
    FaultName.RETYPED: "the first column comes as text, whatever was announced",
    FaultName.DUPLICATE: "in place of each downloaded part, the one before it comes again",
}


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: which; None never strikes.
        rows: how many rows of every result arrive before it strikes.
    """

    name: FaultName | None = None
    rows: int = 0

    def strikes(self, first_row: int, rows: int) -> FaultName | None:
        """The fault, if it strikes at the part with rows ``first_row`` to ``first_row + rows`` of a result."""
        return self.name if first_row + rows > self.rows else None


NO_FAULT = Fault()


def retyped(table: pa.Table) -> pa.Table:
    """The table with a text in every row of its first column, where there was another type."""
    first = table.schema.field(0)
    kept = {name: value for name, value in (first.metadata or {}).items() if name != b"logicalType"}
    as_text = pa.field(first.name, pa.string(), metadata={**kept, b"logicalType": b"TEXT"})
    return table.set_column(0, as_text, pa.array(["a text"] * table.num_rows, pa.string()))


def parse_fault(text: str) -> Fault:
    """The fault that ``text`` names; for argparse.

    Raises:
        ArgumentTypeError: unknown name or unusable argument; the message lists what there is.
    """
    name, _, rows = text.partition(":")
    if name in set(FaultName) and rows.isdecimal():
        return Fault(FaultName(name), int(rows))
    there_are = "".join(f"\n  {fault}:ROWS  {MEANINGS[fault]}" for fault in FaultName)
    raise argparse.ArgumentTypeError(
        f"there is no fault {text!r}. Once ROWS rows of a result were sent, for example 50000:{there_are}"
    )
