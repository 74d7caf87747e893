"""What PostgreSQL's error codes (SQLSTATE) mean to us, and the sentence for each meaning. Redshift uses the same codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault

UNREADABLE: Final = "XX000"
"""The state for an answer that a driver of ours cannot read: the server's own word for "internal error"."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """``{0}`` in the sentence is the warehouse's name; ``step`` None is the step in which it was seen."""

    kind: WarehouseFault
    sentence: str
    step: WarehouseStep | None = None
    field: str | None = None


_CREDENTIALS: Final = _Meaning(
    WarehouseFault.CREDENTIALS,
    "{0} refused the log-in. Check user and password, and that the server lets this user in from here.",
    WarehouseStep.LOGIN,
)
_NO_DATABASE: Final = _Meaning(
    WarehouseFault.MISCONFIGURED, "{0} has no such database. Check database.", WarehouseStep.DATABASE, "database"
)
_NO_CONNECT: Final = _Meaning(
    WarehouseFault.PERMISSION,
    "The user may not connect to the database. Grant it CONNECT on the database.",
    WarehouseStep.DATABASE,
)
_FULL: Final = _Meaning(
    WarehouseFault.UNREACHABLE,
    "{0} has no place for another connection now. The run can be tried again.",
    WarehouseStep.LOGIN,
)
_NOT_READY: Final = _Meaning(
    WarehouseFault.UNREACHABLE, "{0} is starting or stopping. The run can be tried again.", WarehouseStep.LOGIN
)
_NOT_THERE: Final = _Meaning(
    WarehouseFault.UNREACHABLE,
    "{0} did not answer the log-in. Check host and port, and that the network allows the connection.",
    WarehouseStep.LOGIN,
)
_TIMED_OUT: Final = _Meaning(
    WarehouseFault.TIMED_OUT,
    "{0} stopped the statement: it passed the statement timeout, or somebody cancelled it. Make the query cheaper, add an index on the "
    "load timestamp, or raise the timeout.",
)
_LOCKED: Final = _Meaning(
    WarehouseFault.TIMED_OUT, "A table that the query reads is locked by others. The run can be tried again."
)
_REPLICA: Final = _Meaning(
    WarehouseFault.DROPPED,
    "{0} ended the query in favour of others; a replica does so to keep up. The run can be tried again; "
    "max_standby_streaming_delay or hot_standby_feedback give a replica's queries more time.",
)
_DROPPED: Final = _Meaning(
    WarehouseFault.DROPPED, "The connection to {0} was lost in the middle. The run can be tried again."
)
_EXHAUSTED: Final = _Meaning(
    WarehouseFault.DROPPED,
    "{0} ran out of memory, disk or other means for the query. Make it smaller, or try again later.",
)
_PERMISSION: Final = _Meaning(
    WarehouseFault.PERMISSION,
    "The user lacks a privilege that the query needs. Grant it SELECT on the tables and USAGE on their schemas.",
)
_READ_ONLY: Final = _Meaning(WarehouseFault.PERMISSION, "A warehouse is only read: the query would change something.")
_UNKNOWN_OBJECT: Final = _Meaning(
    WarehouseFault.QUERY,
    "{0} finds no such object. Write tables as schema.table, in double quotes where they have capitals, and grant USAGE on the schema.",
)
_QUERY: Final = _Meaning(WarehouseFault.QUERY, "{0} refused the query.")
_BROKEN: Final = _Meaning(
    WarehouseFault.PROTOCOL, "{0} failed inside, or answered what cannot be read. The run can be tried again."
)

_BY_STATE: Final = {
    "28P01": _CREDENTIALS,
    "28000": _CREDENTIALS,
    "3D000": _NO_DATABASE,
    "42501": _PERMISSION,
    "25006": _READ_ONLY,
    "57014": _TIMED_OUT,
    "55P03": _LOCKED,
    "57P03": _NOT_READY,
    "53300": _FULL,
    "42P01": _UNKNOWN_OBJECT,
    "42883": _UNKNOWN_OBJECT,
    "3F000": _UNKNOWN_OBJECT,
}
_BY_CLASS: Final = {
    "08": _DROPPED,
    "57": _DROPPED,
    "40": _REPLICA,
    "53": _EXHAUSTED,
    "58": _BROKEN,
    "XX": _BROKEN,
    "F0": _BROKEN,
}
_QUERY_CLASSES: Final = frozenset(
    {
        "0A",
        "0L",
        "0P",
        "20",
        "21",
        "22",
        "23",
        "25",
        "26",
        "2B",
        "2F",
        "34",
        "38",
        "39",
        "3B",
        "3F",
        "42",
        "44",
        "54",
        "55",
        "P0",
        "HV",
    }
)


def postgres_fault(
    title: str, state: str | None, text: str, step: WarehouseStep, secrets: Iterable[str] = ()
) -> WarehouseError:
    """The error of ours for one of the server's.

    Args:
        title: the warehouse's name for people.
        state: its SQLSTATE; None where the server said nothing.
        text: what it says; quoted only where ``faults.SHOWS_WAREHOUSE_TEXT`` allows.
        step: what was being done.
        secrets: texts to mask in ``text``.
    """
    meaning = _meaning(state or "", step)
    sentence = meaning.sentence.format(title)
    return fault(meaning.kind, meaning.step or step, sentence, field=meaning.field, text=text, secrets=secrets)


def _meaning(state: str, step: WarehouseStep) -> _Meaning:
    if step is WarehouseStep.LOGIN and state == "42501":
        return _NO_CONNECT
    if state in _BY_STATE:
        return _BY_STATE[state]
    if step is WarehouseStep.LOGIN and state[:2] in {"", "08", "57"}:
        return _NOT_THERE
    if state[:2] in _QUERY_CLASSES:
        return _QUERY
    return _BY_CLASS.get(state[:2], _BROKEN if state else _DROPPED)
