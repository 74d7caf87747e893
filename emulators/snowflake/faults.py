"""Faults on request: how the emulator misbehaves when told to with ``--fault NAME[:ARGUMENT]``.

A fault answers two questions while rows are sent; a new one is a class with a ``name`` in ``FAULTS``. ``cut`` may be asked
from several threads and keeps no state, so that a retry meets the same fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol


class Fault(Protocol):
    name: ClassVar[str]

    def cut(self, first_row: int, rows: int) -> bool:
        """Whether the connection breaks (TCP reset) while rows ``first_row`` to ``first_row + rows`` of a result are sent."""
        ...

    def body(self, body: bytes) -> bytes:
        """What is sent in place of the body of a download, before a cut or without one."""
        ...


@dataclass(frozen=True)
class NoFault:
    name: ClassVar[str] = "none"

    def cut(self, first_row: int, rows: int) -> bool:  # noqa: ARG002 - the shape of Fault
        return False

    def body(self, body: bytes) -> bytes:
        return body


@dataclass(frozen=True)
class DropAfter:
    """``drop-after:ROWS``: of every result the first ROWS rows arrive, then the connection is reset, at every attempt."""

    name: ClassVar[str] = "drop-after"
    rows: int

    def cut(self, first_row: int, rows: int) -> bool:
        return first_row + rows > self.rows

    def body(self, body: bytes) -> bytes:
        return body


def parse_fault(text: str) -> Fault:
    """The fault that ``text`` names.

    Raises:
        ValueError: unknown name or unusable argument; the message lists what there is.
    """
    name, _, argument = text.partition(":")
    if name == NoFault.name and not argument:
        return NoFault()
    if name == DropAfter.name and argument.isdigit():
        return DropAfter(int(argument))
    raise ValueError(f"unknown fault {text!r}: use none or drop-after:ROWS, e.g. drop-after:50000")
