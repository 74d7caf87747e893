"""The test double: it must be like the real ones where it does not misbehave on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.conformance.subjects.duckdb import duckdb_subject
from tests.conformance.subjects.subject import Subject
from tests.fixtures.scripted_warehouse import MODULE, scripted_address
from warehouse_sync.errors import WarehouseStep


@contextmanager
def scripted_subject(folder: Path) -> Iterator[Subject]:
    with duckdb_subject(folder) as plain:
        yield replace(
            plain,
            name="scripted",
            address=scripted_address(plain.address.parameters["database"], batch_rows=1000),
            policy=replace(plain.policy, scripted_module=MODULE),
            refused={step: {"fault": f"refuse:{step}"} for step in WarehouseStep},
            types=None,
        )
