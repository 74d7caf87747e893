"""What Snowflake's error numbers mean to us, and the sentence for each meaning (specification §1.11).

Classified by the server's number and the SQL state; never by exception class, which differs between versions of the connector.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import fault


@dataclass(frozen=True, slots=True)
class _Meaning:
    kind: WarehouseFault
    sentence: str
    step: WarehouseStep | None = None  # None: the step in which it was seen
    field: str | None = None


_CREDENTIALS: Final = _Meaning(
    WarehouseFault.CREDENTIALS,
    "Snowflake refused the log-in. Check user and {proof}, and that source_account_id and region name the right account.",
    WarehouseStep.LOGIN,
)
_KEY_PAIR: Final = _Meaning(
    WarehouseFault.CREDENTIALS,
    "Snowflake refused the key pair. Compare the user's RSA_PUBLIC_KEY_FP (DESCRIBE USER) with {proof}, check user, "
    "source_account_id and region, and that the clock of this machine is right.",
    WarehouseStep.LOGIN,
)
_TOKEN: Final = _Meaning(
    WarehouseFault.CREDENTIALS,
    "Snowflake refused the token, or it has expired. Issue another one, give it as {proof}, and check that it belongs to user "
    "and allows role.",
    WarehouseStep.LOGIN,
)
_ROLE: Final = _Meaning(
    WarehouseFault.MISCONFIGURED,
    "Snowflake knows no such role for this user. Check role, and grant it to the user.",
    WarehouseStep.ROLE,
    "role",
)
_WAREHOUSE: Final = _Meaning(
    WarehouseFault.MISCONFIGURED,
    "Snowflake has no such warehouse for this role. Check warehouse, and grant the role USAGE on it.",
    WarehouseStep.WAREHOUSE,
    "warehouse",
)
_DATABASE: Final = _Meaning(
    WarehouseFault.MISCONFIGURED,
    "Snowflake has no such database for this role. Check database, and grant the role USAGE on it and its schemas.",
    WarehouseStep.DATABASE,
    "database",
)
_NETWORK_POLICY: Final = _Meaning(
    WarehouseFault.PERMISSION,
    "Snowflake's network policy does not let this service in. Add its outgoing address to the policy.",
    WarehouseStep.LOGIN,
)
_SESSION_ENDED: Final = _Meaning(
    WarehouseFault.DROPPED, "Snowflake ended the session before the query was done. The run can be tried again."
)
_TIMED_OUT: Final = _Meaning(
    WarehouseFault.TIMED_OUT,
    "Snowflake did not answer in time or stopped the statement. Make the query cheaper, use a larger warehouse, or raise the "
    "statement timeout.",
)
_UNREACHABLE: Final = _Meaning(
    WarehouseFault.UNREACHABLE,
    "Snowflake could not be reached. Check source_account_id and region, and that the network allows the connection.",
)
_DROPPED: Final = _Meaning(
    WarehouseFault.DROPPED, "The connection to Snowflake was lost in the middle. The run can be tried again."
)
_PERMISSION: Final = _Meaning(
    WarehouseFault.PERMISSION, "The role lacks a privilege that the query needs. Grant it to the role."
)
_UNKNOWN_OBJECT: Final = _Meaning(
    WarehouseFault.QUERY,
    "Snowflake finds no such object. Write it as database.schema.table, and grant the role SELECT on it.",
)
_QUERY: Final = _Meaning(WarehouseFault.QUERY, "Snowflake refused the query.")
_BROKEN: Final = _Meaning(
    WarehouseFault.PROTOCOL, "Snowflake answered with something the connector cannot read. The run can be tried again."
)

_BY_NUMBER: Final = {
    606: _WAREHOUSE,  # no active warehouse
    604: _TIMED_OUT,
    630: _TIMED_OUT,
    2003: _UNKNOWN_OBJECT,
    2043: _UNKNOWN_OBJECT,
    3001: _PERMISSION,
    90105: _DATABASE,  # no current database
    90109: _DATABASE,  # no current schema
    390100: _CREDENTIALS,
    390101: _CREDENTIALS,
    390102: _CREDENTIALS,
    390103: _CREDENTIALS,
    390111: _SESSION_ENDED,
    390112: _SESSION_ENDED,
    390114: _SESSION_ENDED,
    390118: _CREDENTIALS,
    390144: _KEY_PAIR,
    390186: _ROLE,
    390189: _ROLE,
    390191: _CREDENTIALS,
    390195: _SESSION_ENDED,
    390303: _TOKEN,
    390318: _TOKEN,
    390420: _NETWORK_POLICY,
    390422: _NETWORK_POLICY,
    390432: _NETWORK_POLICY,
    394300: _KEY_PAIR,
    394301: _KEY_PAIR,
    394302: _KEY_PAIR,
    394303: _KEY_PAIR,
    394304: _KEY_PAIR,
    394400: _TOKEN,
    394401: _TOKEN,
    394402: _TOKEN,
}
_BY_STEP: Final = {
    WarehouseStep.ROLE: _ROLE,
    WarehouseStep.WAREHOUSE: _WAREHOUSE,
    WarehouseStep.DATABASE: _DATABASE,
}
_TIME_STATES: Final = frozenset({"57014", "HYT00", "HYT01"})
_REFUSED_STATES: Final = ("42", "02", "22", "0A", "57")


def snowflake_fault(
    number: int | None,
    state: str | None,
    text: str,
    step: WarehouseStep,
    secrets: Iterable[str],
    *,
    proof: str = "password",
) -> WarehouseError:
    """The error of ours for one of the connector's.

    Args:
        number, state: ``errno`` and ``sqlstate`` of the connector's exception.
        text: what it says; quoted only where ``faults.SHOWS_WAREHOUSE_TEXT`` allows.
        step: what was being done.
        secrets: texts to mask in ``text``.
        proof: the field of the connection that was used to log in.
    """
    meaning = _meaning(number, state or "", step)
    sentence = meaning.sentence.format(proof=proof)
    return fault(meaning.kind, meaning.step or step, sentence, field=meaning.field, text=text, secrets=secrets)


def _meaning(number: int | None, state: str, step: WarehouseStep) -> _Meaning:  # noqa: PLR0911 - a table of cases, first match wins
    if step in _BY_STEP and state.startswith(_REFUSED_STATES):
        return _BY_STEP[step]
    if number in _BY_NUMBER:
        return _BY_NUMBER[number]
    if state in _TIME_STATES:
        return _TIMED_OUT
    if state.startswith("28"):
        return _CREDENTIALS
    if state == "42501":
        return _PERMISSION
    if state.startswith("08") or step is WarehouseStep.LOGIN:
        return _UNREACHABLE if step is WarehouseStep.LOGIN else _DROPPED
    if state.startswith(_REFUSED_STATES):
        return _QUERY
    return _DROPPED if step is WarehouseStep.FETCH else _BROKEN
