"""What each column becomes, and every reason to refuse a data model: by code, naming the columns (specification §1.9)."""

from __future__ import annotations

import pytest

from warehouse_sync.domain.column import IDENTITY_KINDS, Column, ColumnKind, Mapping
from warehouse_sync.domain.identity import DEFAULT_PRIORITY, IdentityType
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.errors import InvalidRequest
from warehouse_sync.sync.mapping import find_load_timestamp, plan_mapping

STAMP = Column("UPDATED_AT", ColumnKind.TIMESTAMP)
CUSTOMER = Column("CUSTOMER_ID", ColumnKind.STRING)


def text(name: str) -> Column:
    return Column(name, ColumnKind.STRING)


def plan(
    *columns: Column,
    name: str = "UPDATED_AT",
    declared: LoadTimestampType = LoadTimestampType.TIMESTAMP_NTZ,
    priority: tuple[IdentityType, ...] = DEFAULT_PRIORITY,
    instant: bool = False,
    most: int = 100,
) -> Mapping:
    stamp = LoadTimestamp(name, declared)
    return plan_mapping(columns, stamp, priority=priority, plain_timestamp_is_instant=instant, max_columns=most)


def refused(*columns: Column, code: str, field: str = "sql_query", **options) -> str:
    with pytest.raises(InvalidRequest) as error:
        plan(*columns, **options)
    assert (error.value.code, error.value.field) == (code, field)
    return error.value.message


def test_the_published_shape() -> None:
    score, colours = Column("SCORE", ColumnKind.FLOAT), Column("FAVORITE_COLORS", ColumnKind.LIST)
    mapping = plan(STAMP, CUSTOMER, text("EMAIL"), text("$FirstName"), score, colours)
    assert mapping.load_timestamp is STAMP
    assert [(found.column.name, found.identity_type) for found in mapping.identities] == [
        ("CUSTOMER_ID", IdentityType.CUSTOMER_ID),
        ("EMAIL", IdentityType.EMAIL),
    ]
    assert mapping.mpid is None
    assert [column.name for column in mapping.attributes] == ["$FirstName", "SCORE", "FAVORITE_COLORS"]


def test_both_names_of_the_customer_id() -> None:
    for name in ("customerid", "customer_id", "CustomerId"):
        [found] = plan(STAMP, text(name)).identities
        assert found.identity_type is IdentityType.CUSTOMER_ID


def test_mpid_alone_is_enough() -> None:
    mapping = plan(STAMP, Column("MPID", ColumnKind.INTEGER))
    assert mapping.mpid == Column("MPID", ColumnKind.INTEGER)
    assert mapping.identities == ()
    assert mapping.attributes == ()


def test_attributes_that_differ_in_case_are_two() -> None:
    names = ["Level", "level", "LEVEL", "e\u0301", "\u00e9", " level"]
    mapping = plan(STAMP, CUSTOMER, *(text(name) for name in names))
    assert [column.name for column in mapping.attributes] == names


# --- the load timestamp -------------------------------------------------------------------------------------------------------------


def test_the_load_timestamp_is_found_without_case() -> None:
    mapping = plan(STAMP, CUSTOMER, name="updated_at")
    assert mapping.load_timestamp is STAMP
    assert mapping.attributes == ()


def test_an_exact_name_wins_and_the_other_column_is_an_attribute() -> None:
    other = Column("updated_at", ColumnKind.TIMESTAMP)
    mapping = plan(STAMP, other, CUSTOMER, name="updated_at")
    assert mapping.load_timestamp is other
    assert mapping.attributes == (STAMP,)


def test_a_load_timestamp_under_a_reserved_name_is_no_identity() -> None:
    mapping = plan(Column("other", ColumnKind.TIMESTAMP), CUSTOMER, name="OTHER")
    assert mapping.load_timestamp.name == "other"
    assert [found.column for found in mapping.identities] == [CUSTOMER]


def test_a_missing_load_timestamp_names_what_there_is() -> None:
    sentence = refused(
        CUSTOMER, text("CITY"), name="LOADED", code="load_timestamp_missing", field="load_timestamp_field_name"
    )
    for part in ("LOADED", "CUSTOMER_ID", "CITY", "select list"):
        assert part in sentence


def test_several_load_timestamps_but_for_case() -> None:
    columns = [STAMP, Column("Updated_At", ColumnKind.TIMESTAMP), CUSTOMER]
    sentence = refused(*columns, name="updated_at", code="load_timestamp_missing", field="load_timestamp_field_name")
    for part in ("updated_at", "UPDATED_AT", "Updated_At"):
        assert part in sentence
    assert "CUSTOMER_ID" not in sentence  # it is none of those to choose from
    with pytest.raises(InvalidRequest):
        find_load_timestamp(columns, "updated_at")


FITTING = {
    LoadTimestampType.TIMESTAMP_NTZ: {ColumnKind.TIMESTAMP},
    LoadTimestampType.DATETIME: {ColumnKind.TIMESTAMP},
    LoadTimestampType.TIMESTAMP_LTZ: {ColumnKind.INSTANT},
    LoadTimestampType.TIMESTAMP_TZ: {ColumnKind.INSTANT},
    LoadTimestampType.DATE: {ColumnKind.DATE},
    LoadTimestampType.UNIXTIME_S: {ColumnKind.INTEGER, ColumnKind.DECIMAL},
    LoadTimestampType.UNIXTIME_MS: {ColumnKind.INTEGER, ColumnKind.DECIMAL},
}


@pytest.mark.parametrize("declared", FITTING)
@pytest.mark.parametrize("kind", ColumnKind)
def test_the_declared_type_must_be_what_the_warehouse_returns(declared: LoadTimestampType, kind: ColumnKind) -> None:
    stamp = Column("UPDATED_AT", kind)
    if kind in FITTING[declared]:
        assert plan(stamp, CUSTOMER, declared=declared).load_timestamp is stamp
        return
    sentence = refused(
        stamp, CUSTOMER, declared=declared, code="load_timestamp_type_mismatch", field="load_timestamp_field_type"
    )
    for part in ("UPDATED_AT", declared.value, kind.value):
        assert part in sentence


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        (ColumnKind.TIMESTAMP, "timestamp_ntz"),
        (ColumnKind.INSTANT, "timestamp_tz"),
        (ColumnKind.INTEGER, "timestamp_unixtime_s or timestamp_unixtime_ms"),
        (ColumnKind.STRING, "Select a timestamp, date or integer column"),
    ],
)
def test_the_remedy_is_the_right_declaration(kind: ColumnKind, remedy: str) -> None:
    sentence = refused(
        Column("UPDATED_AT", kind),
        CUSTOMER,
        declared=LoadTimestampType.DATE,
        code="load_timestamp_type_mismatch",
        field="load_timestamp_field_type",
    )
    assert remedy in sentence


@pytest.mark.parametrize(("kind", "instant"), [(ColumnKind.INSTANT, True), (ColumnKind.TIMESTAMP, False)])
def test_plain_timestamp_means_what_the_warehouse_means(kind: ColumnKind, instant: bool) -> None:
    declared = LoadTimestampType.TIMESTAMP
    assert plan(Column("UPDATED_AT", kind), CUSTOMER, declared=declared, instant=instant)
    refused(
        Column("UPDATED_AT", kind),
        CUSTOMER,
        declared=declared,
        instant=not instant,
        code="load_timestamp_type_mismatch",
        field="load_timestamp_field_type",
    )


# --- identities ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [("customerid", "customer_id"), ("EMAIL", "email"), ("Customer_ID", "CUSTOMERID"), ("MPID", "mpid")]
)
def test_one_identity_twice(names: tuple[str, str]) -> None:
    sentence = refused(
        STAMP, CUSTOMER if "MPID" in names else text("other"), *map(text, names), code="repeated_identity"
    )
    for name in names:
        assert name in sentence


@pytest.mark.parametrize("name", ["EMAIL", "mpid", "Push_Token"])
@pytest.mark.parametrize("kind", ColumnKind)
def test_kinds_that_can_be_an_identity(name: str, kind: ColumnKind) -> None:
    columns = (STAMP, CUSTOMER, Column(name, kind))
    if kind in IDENTITY_KINDS:
        assert plan(*columns).attributes == ()
        return
    sentence = refused(*columns, code="identity_type_mismatch")
    for part in (name, kind.value, "Cast"):
        assert part in sentence


def test_exactly_these_kinds_can_be_an_identity() -> None:
    assert {kind.value for kind in IDENTITY_KINDS} == {"integer", "decimal", "float", "string", "null"}


def test_no_identity_at_all() -> None:
    sentence = refused(STAMP, text("CITY"), code="no_lookup_identity")
    for part in ("customer_id", "mobile_number", "mp_deviceid", "mpid", "AS customer_id"):
        assert part in sentence


def test_only_identities_that_find_nothing() -> None:
    sentence = refused(STAMP, text("phone_number_2"), code="no_lookup_identity")
    assert "phone_number_2" not in sentence
    sentence = refused(STAMP, text("customer_id"), priority=(IdentityType.EMAIL,), code="no_lookup_identity")
    assert "email, and mpid" in sentence


# --- columns ------------------------------------------------------------------------------------------------------------------------


def test_a_hundred_columns_and_one_more() -> None:
    columns = [STAMP, CUSTOMER, *(text(f"a{number}") for number in range(98))]
    assert len(plan(*columns).attributes) == 98
    sentence = refused(*columns, text("one_more"), code="too_many_columns")
    for part in ("101", "100"):
        assert part in sentence
    assert plan(*columns, text("one_more"), most=101)
    assert refused(STAMP, CUSTOMER, text("x"), most=2, code="too_many_columns")


def test_exactly_equal_names() -> None:
    sentence = refused(
        STAMP, CUSTOMER, text("CITY"), text("CITY"), text("Zip"), text("Zip"), text("zip"), code="repeated_column"
    )
    for part in ("CITY", "Zip", "AS"):
        assert part in sentence
    assert "zip" not in sentence
    assert "CITY, CITY" not in sentence


def test_the_load_timestamp_twice() -> None:
    assert "UPDATED_AT" in refused(STAMP, STAMP, CUSTOMER, code="repeated_column")
