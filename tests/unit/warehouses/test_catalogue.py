from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.pipeline import NO_BUDGET, WarehouseBudget
from warehouse_sync.errors import InvalidRequest, WarehouseError, WarehouseFault
from warehouse_sync.warehouses.catalogue import WAREHOUSE_TYPES, open_warehouse
from warehouse_sync.warehouses.policy import BigQueryEndpoint, SnowflakeEndpoint, WarehousePolicy
from warehouse_sync.warehouses.protocol import LogIn

WITHOUT_DRIVER = """
import sys
sys.modules["snowflake.connector"] = None
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import WarehousePolicy
assert "duckdb" not in sys.modules
try:
    open_warehouse(WarehouseAddress("snowflake", {}), WarehousePolicy(), query_tag="")
except WarehouseError as error:
    print(error.fault, error.message)
"""


def test_unknown_types_are_refused_with_the_known_ones() -> None:
    with pytest.raises(WarehouseError, match=", ".join(sorted(WAREHOUSE_TYPES))) as caught:
        open_warehouse(WarehouseAddress("oracle", {}), WarehousePolicy(), query_tag="")
    assert caught.value.fault is WarehouseFault.MISCONFIGURED


def test_the_double_cannot_be_reached_without_its_module() -> None:
    with pytest.raises(WarehouseError, match="no warehouse type scripted"):
        open_warehouse(WarehouseAddress("scripted", {}), WarehousePolicy(), query_tag="")
    assert "scripted" not in WAREHOUSE_TYPES


def test_every_type_has_its_published_fields() -> None:
    fields = {field.name: field for field in WAREHOUSE_TYPES["snowflake"].fields}
    assert [name for name, field in fields.items() if field.required] == [
        "source_account_id",
        "warehouse",
        "database",
        "role",
        "user",
    ]
    published = {"region", "password", "snowflake_aws_iam_user_arn", "snowflake_aws_external_id"}
    assert published < {name for name, field in fields.items() if not field.required}
    for kind in WAREHOUSE_TYPES.values():
        assert all((field.example is None) == field.secret or not field.required for field in kind.fields)


def test_an_account_locator_needs_a_region_and_an_organization_account_none() -> None:
    needed = WAREHOUSE_TYPES["snowflake"].also_needs
    assert needed({"source_account_id": "gd1234"}) == ("region",)
    assert needed({"source_account_id": "myorg-my_account"}) == ()


def test_a_policy_crosses_to_the_child_unchanged() -> None:
    policy = WarehousePolicy(
        duckdb_root="/x",
        duckdb_refused=("/x/own",),
        snowflake_endpoint=SnowflakeEndpoint("127.0.0.1", 1, "http"),
        bigquery_endpoint=BigQueryEndpoint("127.0.0.1", 2, "http", "127.0.0.1:3"),
        databricks_endpoint="http://127.0.0.1:4",
        allowed_private_hosts=("db:1",),
        statement_timeout_seconds=7,
    )
    assert WarehousePolicy.from_json(policy.to_json()) == policy
    assert WarehousePolicy.from_json(WarehousePolicy().to_json()) == WarehousePolicy()


def test_a_budget_never_widens_what_the_operator_grants() -> None:
    policy = WarehousePolicy(statement_timeout_seconds=100)
    assert policy.within(NO_BUDGET) == policy
    assert policy.within(WarehouseBudget(30, 5)) == WarehousePolicy(statement_timeout_seconds=30, max_bytes_billed=5)
    assert policy.within(WarehouseBudget(300)) == policy


KEYED = replace(
    WAREHOUSE_TYPES["duckdb"],
    name="keyed",
    logins=(LogIn("password", ("password",)), LogIn("key pair", ("private_key",), ("passphrase",))),
)


@pytest.mark.parametrize(
    ("names", "field", "sentence"),
    [
        ({"user"}, "password", r"give password \(password\), or private_key \(key pair\)"),
        ({"password", "private_key"}, "private_key", "not both"),
        ({"password", "passphrase"}, "passphrase", "not used to log in by password"),
    ],
)
def test_a_connection_logs_in_one_way(names: set[str], field: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence) as caught:
        KEYED.check_login(names)
    assert caught.value.field == field


def test_each_way_of_logging_in_has_its_own_fields() -> None:
    KEYED.check_login({"private_key", "passphrase"})
    KEYED.check_login({"password"})
    WAREHOUSE_TYPES["duckdb"].check_login(set())
    for kind in WAREHOUSE_TYPES.values():
        names = {spec.name for spec in kind.fields if not spec.required}
        needed = [name for login in kind.logins for name in login.needs]
        assert {name for login in kind.logins for name in login.fields} <= names
        assert len(needed) == len(set(needed)), "what a login needs tells that it is meant"


DRIVERS = {
    "snowflake": "snowflake.connector",
    "bigquery": "google.cloud.bigquery",
    "postgres": "adbc_driver_postgresql",
    "redshift": "redshift_connector",
}


@pytest.mark.parametrize("kind", sorted(kind.name for kind in WAREHOUSE_TYPES.values() if kind.extra))
def test_every_driver_that_is_missing_says_what_to_install(kind: str) -> None:
    program = WITHOUT_DRIVER.replace('"snowflake.connector"', f'"{DRIVERS[kind]}"').replace('"snowflake"', f'"{kind}"')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("driver_missing ")
    assert f'pip install "warehouse-sync[{WAREHOUSE_TYPES[kind].extra}]"' in done.stdout
