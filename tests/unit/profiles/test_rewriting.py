"""A store that is written anew holds what it held, and nothing of what was deleted."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.unit.profiles.applying import START, WORKSPACE, Home
from warehouse_sync.domain.identity import IdentityType
from warehouse_sync.errors import StoreError
from warehouse_sync.profiles.deletion import DuckDbEraser
from warehouse_sync.profiles.rewriting import rewrite_stores

SECRET = b"ann.the.canary"


def test_the_bytes_of_a_deleted_person_are_gone(tmp_path: Path) -> None:
    path = tmp_path / f"{WORKSPACE}-development.duckdb"
    home = Home(tmp_path)
    home.stores._engine.execute(
        "PRAGMA force_compression = 'uncompressed'"
    )  # compressed, the name could not be looked for
    rows = [{"customer_id": f"c{n}", "email": f"{n}@x"} for n in range(3000)]
    rows[7] |= {"customer_id": SECRET.decode()}
    home.sync(*rows)
    home.stores._engine.execute(f"CHECKPOINT w{WORKSPACE}_development")
    done = DuckDbEraser(home.stores).delete(WORKSPACE, home.mpid(8), now=START, by="ci")
    assert done is not None
    home.stores.close()
    assert SECRET in path.read_bytes()  # the engine leaves them
    [rewritten] = rewrite_stores(tmp_path, WORKSPACE, memory_mb=256)
    assert (rewritten.name, rewritten.bytes_after) == (path.name, path.stat().st_size)
    assert {found.name for found in tmp_path.glob(f"{WORKSPACE}*")} == {path.name, f"{path.name}.lock"}
    assert SECRET not in path.read_bytes()
    again = Home(tmp_path)
    again.runs = 1
    assert again.count() == 2999
    assert again.holders(IdentityType.EMAIL, "2999@x") == [3000]
    assert again.sync(*rows).rejected == 1
    again.stores.close()


def test_a_damaged_store_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / f"{WORKSPACE}-development.duckdb"
    path.write_bytes(b"this is no store" * 1000)
    with pytest.raises(StoreError, match="cannot be written anew"):
        list(rewrite_stores(tmp_path, WORKSPACE, memory_mb=256))
    assert path.read_bytes() == b"this is no store" * 1000
    assert list(tmp_path.glob("*.new")) == []


def test_other_workspaces_are_left_alone(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "53-development.duckdb")) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
    assert list(rewrite_stores(tmp_path, 5, memory_mb=256)) == []
