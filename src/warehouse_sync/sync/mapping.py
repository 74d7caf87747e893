"""What each output column of a data model becomes on a profile, and why a data model cannot be used (specification §1.9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from warehouse_sync.domain.column import IDENTITY_KINDS, Column, ColumnKind, IdentityColumn, Mapping
from warehouse_sync.domain.identity import IdentityType, identity_of_column, is_mpid_column
from warehouse_sync.domain.load_timestamp import LoadTimestamp, TimestampClass, timestamp_class
from warehouse_sync.errors import InvalidRequest

_KINDS_OF_CLASS: Final[dict[TimestampClass, frozenset[ColumnKind]]] = {
    TimestampClass.ZONELESS: frozenset({ColumnKind.TIMESTAMP}),
    TimestampClass.INSTANT: frozenset({ColumnKind.INSTANT}),
    TimestampClass.DATE: frozenset({ColumnKind.DATE}),
    TimestampClass.INTEGER_SECONDS: frozenset({ColumnKind.INTEGER, ColumnKind.DECIMAL}),
    TimestampClass.INTEGER_MILLISECONDS: frozenset({ColumnKind.INTEGER, ColumnKind.DECIMAL}),
}
_DECLARE_AS: Final = {
    ColumnKind.TIMESTAMP: "timestamp_ntz",
    ColumnKind.INSTANT: "timestamp_tz",
    ColumnKind.DATE: "date",
    ColumnKind.INTEGER: "timestamp_unixtime_s or timestamp_unixtime_ms",
    ColumnKind.DECIMAL: "timestamp_unixtime_s or timestamp_unixtime_ms",
}


def plan_mapping(
    columns: Sequence[Column],
    load_timestamp: LoadTimestamp,
    *,
    priority: Sequence[IdentityType],
    plain_timestamp_is_instant: bool,
    max_columns: int = 100,
) -> Mapping:
    """Decides what every column becomes.

    Args:
        columns: the query's output, in order, as the probe saw it.
        load_timestamp: the declared load-timestamp column.
        priority: the workspace's look-up identities.
        plain_timestamp_is_instant: what a declared type ``timestamp`` means in this warehouse.
        max_columns: the limit on output columns.

    Raises:
        InvalidRequest: the output cannot be mapped; the sentence names the columns and the remedy.
    """
    if len(columns) > max_columns:
        raise _refusal(
            f"The query returns {len(columns)} columns; at most {max_columns} are allowed. Select fewer columns.",
            code="too_many_columns",
        )
    _refuse_equal_names(columns)
    stamp = find_load_timestamp(columns, load_timestamp.name)
    _refuse_wrong_stamp_type(stamp, load_timestamp, plain_timestamp_is_instant)
    others = [column for column in columns if column is not stamp]
    mpid = _single(others, is_mpid_column)
    identities = _identity_columns(others)
    if mpid is None and not any(identity.identity_type in priority for identity in identities):
        raise _refusal(
            "The query returns no column that can find a profile. Name one after an identity, for example "
            '"SELECT cid AS customer_id"; in this workspace the identities that find profiles are '
            f"{', '.join(priority)}, and mpid.",
            code="no_lookup_identity",
        )
    taken = {identity.column.name for identity in identities} | ({mpid.name} if mpid else set())
    attributes = tuple(column for column in others if column.name not in taken)
    return Mapping(load_timestamp=stamp, identities=identities, mpid=mpid, attributes=attributes)


def find_load_timestamp(columns: Sequence[Column], name: str) -> Column:
    """The load-timestamp column: by exact name, else by one match without case (decision D23).

    Raises:
        InvalidRequest: there is none, or several match without case.
    """
    for column in columns:
        if column.name == name:
            return column
    matches = [column for column in columns if column.name.casefold() == name.casefold()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(column.name for column in matches)
        raise _stamp_refusal(
            f"Several columns are called {name} but for their case. Write load_timestamp_field_name exactly as one of: {names}."
        )
    names = ", ".join(column.name for column in columns)
    raise _stamp_refusal(
        f"The query does not return the load-timestamp column {name}. Add it to the select list, or name one of these columns "
        f"in load_timestamp_field_name: {names}."
    )


def _refuse_wrong_stamp_type(stamp: Column, declared: LoadTimestamp, plain_timestamp_is_instant: bool) -> None:
    expected = _KINDS_OF_CLASS[
        timestamp_class(declared.declared, plain_timestamp_is_instant=plain_timestamp_is_instant)
    ]
    if stamp.kind in expected:
        return
    remedy = _DECLARE_AS.get(stamp.kind)
    advice = (
        f"Declare load_timestamp_field_type as {remedy}." if remedy else "Select a timestamp, date or integer column."
    )
    raise InvalidRequest(
        f"The load-timestamp column {stamp.name} is declared as {declared.declared} but the warehouse returns "
        f"{_an(stamp.kind)}. {advice}",
        field="load_timestamp_field_type",
        code="load_timestamp_type_mismatch",
    )


def _refuse_equal_names(columns: Sequence[Column]) -> None:
    repeated = [name for name, count in Counter(column.name for column in columns).items() if count > 1]
    if repeated:
        raise _refusal(
            f"Several columns have the same name: {', '.join(repeated)}. Give each its own name with AS.",
            code="repeated_column",
        )


def _identity_columns(columns: Sequence[Column]) -> tuple[IdentityColumn, ...]:
    found: dict[IdentityType, Column] = {}
    for column in columns:
        identity_type = identity_of_column(column.name)
        if identity_type is None:
            continue
        if identity_type in found:
            raise _refusal(
                f"The columns {found[identity_type].name} and {column.name} are the same identity, {identity_type}. "
                "Keep one of them, or rename the other with AS.",
                code="repeated_identity",
            )
        _refuse_identity_kind(column)
        found[identity_type] = column
    return tuple(IdentityColumn(column, identity_type) for identity_type, column in found.items())


def _refuse_identity_kind(column: Column) -> None:
    if column.kind not in IDENTITY_KINDS:
        raise _refusal(
            f"The column {column.name} is {_an(column.kind)}, which cannot be an identity. Cast it to text, or rename it with AS "
            "to make it an attribute.",
            code="identity_type_mismatch",
        )


def _single(columns: Sequence[Column], wanted: Callable[[str], bool]) -> Column | None:
    found = [column for column in columns if wanted(column.name)]
    if len(found) > 1:
        raise _refusal(
            f"The columns {' and '.join(column.name for column in found)} are the same identity, mpid. Keep one of them.",
            code="repeated_identity",
        )
    for column in found:
        _refuse_identity_kind(column)
    return found[0] if found else None


def _an(kind: ColumnKind) -> str:
    return f"an {kind} value" if kind[0] in "aeiou" else f"a {kind} value"


def _refusal(message: str, *, code: str) -> InvalidRequest:
    return InvalidRequest(message, field="sql_query", code=code)


def _stamp_refusal(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="load_timestamp_field_name", code="load_timestamp_missing")
