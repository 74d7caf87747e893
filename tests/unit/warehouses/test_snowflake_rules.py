"""Hosts, names, error numbers and texts: the parts of the Snowflake adapter that need no server."""

from __future__ import annotations

import pytest

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.faults import own_words
from warehouse_sync.warehouses.policy import SnowflakeEndpoint
from warehouse_sync.warehouses.snowflake_address import account_host, identifier, snowflake_address
from warehouse_sync.warehouses.snowflake_faults import snowflake_fault

FIELDS = {
    "source_account_id": "gd1234",
    "region": "us-central1.gcp",
    "warehouse": "w",
    "database": "d",
    "user": "u",
    "role": "r",
}


@pytest.mark.parametrize(
    ("account", "region", "host"),
    [
        ("gd1234", "us-central1.gcp", "gd1234.us-central1.gcp.snowflakecomputing.com"),
        ("GD1234", "us-west-2", "gd1234.snowflakecomputing.com"),
        ("my_org", "eu-central-1", "my-org.eu-central-1.snowflakecomputing.com"),
        ("gd1234", "cn-northwest-1", "gd1234.cn-northwest-1.snowflakecomputing.cn"),
        ("MyOrg-my_account", None, "myorg-my-account.snowflakecomputing.com"),
        ("myorg-my_account", "privatelink", "myorg-my-account.privatelink.snowflakecomputing.com"),
    ],
)
def test_hosts_are_built_from_labels(account: str, region: str | None, host: str) -> None:
    assert account_host(account, region) == host


@pytest.mark.parametrize("bad", ["a/b", "a.b@c", "a#", "a b", "evil.example/", "é", "a\n", "", "a" * 64, "a:1", ".."])
def test_anything_else_is_refused_naming_the_field(bad: str) -> None:
    for field, arguments in (("source_account_id", (bad, "r")), ("region", ("a", bad)), ("region", ("a", f"x.{bad}"))):
        with pytest.raises(WarehouseError) as caught:
            account_host(*arguments)
        assert (caught.value.field, caught.value.fault) == (field, WarehouseFault.MISCONFIGURED)


@pytest.mark.parametrize("missing", FIELDS)
def test_a_missing_field_is_named(missing: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if name != missing}
    with pytest.raises(WarehouseError) as caught:
        snowflake_address(WarehouseAddress("snowflake", fields, {"password": Secret("p")}), None)
    assert caught.value.field == missing


def test_the_operators_endpoint_replaces_the_host_only() -> None:
    address = WarehouseAddress("snowflake", FIELDS, {"password": Secret("p")})
    vendors = snowflake_address(address, None)
    assert (vendors.host, vendors.port, vendors.protocol) == (
        "gd1234.us-central1.gcp.snowflakecomputing.com",
        443,
        "https",
    )
    ours = snowflake_address(address, SnowflakeEndpoint("127.0.0.1", 99, "http"))
    assert (ours.host, ours.port, ours.protocol, ours.account) == ("127.0.0.1", 99, "http", "gd1234")


@pytest.mark.parametrize(
    ("name", "written"),
    [("wh", "wh"), ("a$1", "a$1"), ("1x", '"1x"'), ('a";drop', '"a"";drop"'), ('"Mixed"', '"Mixed"')],
)
def test_names_are_quoted_where_needed(name: str, written: str) -> None:
    assert identifier(name) == written


@pytest.mark.parametrize(
    ("number", "state", "step", "fault", "seen"),
    [
        (390100, "08001", "login", "credentials", "login"),
        (390189, "08001", "login", "misconfigured", "role"),
        (2043, "02000", "warehouse", "misconfigured", "warehouse"),
        (2043, "02000", "database", "misconfigured", "database"),
        (606, "57P03", "query", "misconfigured", "warehouse"),
        (90105, "22000", "query", "misconfigured", "database"),
        (250001, "08001", "login", "unreachable", "login"),
        (14, None, "login", "unreachable", "login"),
        (390111, "08001", "query", "dropped", "query"),
        (630, "57014", "query", "timed_out", "query"),
        (14, "HYT00", "query", "timed_out", "query"),
        (2003, "42S02", "query", "query", "query"),
        (1003, "42000", "query", "query", "query"),
        (3001, "42501", "query", "permission", "query"),
        (100035, "22007", "fetch", "query", "fetch"),
        (14, "08006", "fetch", "dropped", "fetch"),
        (None, None, "fetch", "dropped", "fetch"),
        (4, None, "query", "protocol", "query"),
    ],
)
def test_numbers_and_states_have_one_meaning(
    number: int | None, state: str | None, step: str, fault: str, seen: str
) -> None:
    error = snowflake_fault(number, state, "text", WarehouseStep(step), ())
    assert (error.fault, error.step) == (fault, seen)
    assert ("text" in error.message) == (fault in {"query", "permission"})


def test_own_words_hide_secrets_and_stay_short() -> None:
    text = own_words("line one\nhunter2-hunter2 \x1b[31m" + "x" * 900, ["hunter2-hunter2", "ab"])
    assert "hunter2" not in text
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) == 500
