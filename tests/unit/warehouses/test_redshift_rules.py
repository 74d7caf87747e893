"""Redshift's rules that need no server. Logging in by IAM cannot run here: that its parameters reach the connector is all that is shown."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

import pytest
import redshift_connector
from redshift_connector.core import Connection

from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.secret import Secret
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.policy import WarehousePolicy

FIELDS = {"host": "127.0.0.1", "database": "dev", "access_key_id": "AKIA", "region": "us-west-2"}
SECRETS = {"secret_access_key": Secret("secret-key"), "session_token": Secret("session-token")}


def _failure(fields: dict[str, str], secrets: dict[str, Secret] | None = None) -> WarehouseError:
    address = WarehouseAddress("redshift", fields, SECRETS if secrets is None else secrets)
    with pytest.raises(WarehouseError) as caught:
        open_warehouse(address, WarehousePolicy(), query_tag="t")
    return caught.value


@pytest.mark.parametrize(
    ("where", "is_serverless"),
    [({"cluster_identifier": "crm", "db_user": "ann"}, False), ({"serverless_work_group": "crm"}, True)],
)
def test_the_parameters_of_iam_reach_the_connector(
    monkeypatch: pytest.MonkeyPatch, where: dict[str, str], is_serverless: bool
) -> None:
    seen: dict[str, Any] = {}

    def connect(**arguments: Any) -> None:
        seen.update(arguments)
        raise redshift_connector.InterfaceError("far enough")

    monkeypatch.setattr(redshift_connector, "connect", connect)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        policy = WarehousePolicy(allowed_private_hosts=(f"127.0.0.1:{port}",))
        address = WarehouseAddress("redshift", {**FIELDS, **where, "port": str(port)}, SECRETS)
        with closing(open_warehouse(address, policy, query_tag="t")) as warehouse, pytest.raises(WarehouseError):
            warehouse.check()
    told = {name: seen[name] for name in ("iam", "is_serverless", "access_key_id", "region", *where)}
    assert told == {
        "iam": True,
        "is_serverless": is_serverless,
        "access_key_id": "AKIA",
        "region": "us-west-2",
        **where,
    }
    assert (seen["secret_access_key"], seen["session_token"]) == ("secret-key", "session-token")
    assert (seen["ssl"], seen["sslmode"]) == (True, "verify-full")
    assert not {"user", "password", "endpoint_url", "profile"} & seen.keys()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"region": "evil.example/x"}, "region"),
        ({"sslmode": "disable"}, "sslmode"),
        ({"sslmode": "prefer"}, "sslmode"),
        ({"host": "a,b"}, "host"),
        ({"port": "0"}, "port"),
        ({"database": ""}, "database"),
    ],
)
def test_fields_that_cannot_be_are_named(changes: dict[str, str], field: str) -> None:
    error = _failure({**FIELDS, **changes})
    assert (error.fault, error.step, error.field) == (WarehouseFault.MISCONFIGURED, WarehouseStep.CONFIGURE, field)


def test_secrets_that_are_missing_are_named() -> None:
    assert _failure(FIELDS, {}).field == "secret_access_key"
    assert _failure({"host": "h", "database": "d", "user": "u"}, {}).field == "password"


def test_the_connector_never_looks_up_a_name_by_itself() -> None:
    with pytest.raises(redshift_connector.InterfaceError, match="not judged"):
        getattr(Connection, "_Connection__get_host_address_info")("localhost", 5439)  # noqa: B009


def test_a_host_without_an_address_that_the_connector_knows_is_refused() -> None:
    policy = WarehousePolicy(allowed_private_hosts=("[::1]:5439",))
    address = WarehouseAddress("redshift", {"host": "::1", "database": "d", "user": "u"}, {"password": Secret("p")})
    with closing(open_warehouse(address, policy, query_tag="t")) as warehouse, pytest.raises(WarehouseError) as caught:
        warehouse.check()
    assert "no IPv4 address" in caught.value.message
