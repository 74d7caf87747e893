"""Redshift's real connector against a PostgreSQL that stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.conformance.subjects.postgres import KINDS_SQL, postgres_subject_on
from tests.conformance.subjects.subject import KINDS, Subject
from tests.conformance.types.redshift import REDSHIFT_TYPES
from tests.fixtures.postgres import running_postgres
from tests.fixtures.postgres_proxy import startup_proxy
from warehouse_sync.domain.column import ColumnKind
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.warehouses.policy import WarehousePolicy

_KINDS_SQL = KINDS_SQL.replace("ARRAY['a', NULL]", "'[\"a\",null]'::jsonb").replace("::json AS", "::jsonb AS")


@contextmanager
def redshift_subject(folder: Path) -> Iterator[Subject]:
    with running_postgres(md5_user="all") as server, startup_proxy(server.port) as port:
        server.execute("ALTER SYSTEM SET password_encryption = 'md5'", "SELECT pg_reload_conf()")
        plain = postgres_subject_on(server)
        yield replace(
            plain,
            name="redshift",
            address=WarehouseAddress(
                "redshift", {**plain.address.parameters, "port": str(port)}, plain.address.secrets
            ),
            policy=WarehousePolicy(
                allowed_private_hosts=(f"127.0.0.1:{port}", "127.0.0.1:1"), login_timeout_seconds=10
            ),
            kinds_sql=_KINDS_SQL,
            kinds=KINDS | {"tags": ColumnKind.JSON, "nothing": ColumnKind.STRING},
            values=plain.values | {"tags": '["a", null]'},
            types=REDSHIFT_TYPES,
        )
