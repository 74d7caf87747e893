from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.fixtures.duckdb_shop import FILE, make_shop
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.errors import WarehouseError, WarehouseFault, WarehouseStep
from warehouse_sync.warehouses.catalogue import open_warehouse
from warehouse_sync.warehouses.duckdb import locate
from warehouse_sync.warehouses.policy import WarehousePolicy


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_shop(tmp_path / "root" / "deep")
    make_shop(tmp_path / "root")
    make_shop(tmp_path / "outside")
    return tmp_path / "root"


def refusal(database: str, policy: WarehousePolicy) -> WarehouseError:
    with pytest.raises(WarehouseError) as caught:
        locate(database, policy)
    return caught.value


def test_files_below_the_root_are_found(root: Path) -> None:
    policy = WarehousePolicy(duckdb_root=str(root))
    assert locate(FILE, policy) == root / FILE
    assert locate(f"deep/{FILE}", policy) == root / "deep" / FILE
    (root / "link.duckdb").symlink_to(root / "deep" / FILE)
    assert locate("link.duckdb", policy) == root / "deep" / FILE


def test_without_a_root_the_type_is_off() -> None:
    error = refusal(FILE, WarehousePolicy())
    assert error.fault is WarehouseFault.EGRESS_DENIED
    assert "WAREHOUSE_SYNC_DUCKDB_ROOT" in error.message


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../outside/shop.duckdb", "deep/../../outside/shop.duckdb", ":memory:", "md:x", "a\0b"]
)
def test_names_that_lead_out_are_refused(root: Path, name: str) -> None:
    error = refusal(name, WarehousePolicy(duckdb_root=str(root)))
    assert (error.fault, error.field) == (WarehouseFault.EGRESS_DENIED, "database")


@pytest.mark.parametrize("name", ["no.duckdb", "x" * 4096, f"{'y' * 300}/{FILE}", "deep"])
def test_names_that_lead_nowhere_are_refused(root: Path, name: str) -> None:
    error = refusal(name, WarehousePolicy(duckdb_root=str(root)))
    assert (error.fault, error.step) == (WarehouseFault.MISCONFIGURED, WarehouseStep.DATABASE)
    assert len(error.message) < 250


def test_links_that_lead_out_are_refused(root: Path) -> None:
    (root / "file.duckdb").symlink_to(root.parent / "outside" / FILE)
    (root / "folder").symlink_to(root.parent / "outside")
    for name in ("file.duckdb", f"folder/{FILE}"):
        assert refusal(name, WarehousePolicy(duckdb_root=str(root))).fault is WarehouseFault.EGRESS_DENIED


def test_our_own_stores_are_refused_under_any_name(root: Path) -> None:
    (root / "other-name.duckdb").hardlink_to(root / FILE)
    policy = WarehousePolicy(duckdb_root=str(root), duckdb_refused=(str(root / FILE), str(root / "deep")))
    for name in (FILE, f"deep/{FILE}", "other-name.duckdb"):
        assert "belongs to the service" in refusal(name, policy).message


def test_a_missing_file_is_not_made(root: Path) -> None:
    error = refusal("new.duckdb", WarehousePolicy(duckdb_root=str(root)))
    assert (error.fault, error.step) == (WarehouseFault.MISCONFIGURED, WarehouseStep.DATABASE)
    assert not (root / "new.duckdb").exists()


def test_a_file_that_is_no_database_is_named(root: Path) -> None:
    (root / "junk.duckdb").write_bytes(b"junk" * 5000)
    address = WarehouseAddress("duckdb", {"database": "junk.duckdb"})
    warehouse = open_warehouse(address, WarehousePolicy(duckdb_root=str(root)), query_tag="")
    with pytest.raises(WarehouseError) as caught:
        warehouse.check()
    warehouse.close()
    assert (caught.value.fault, caught.value.field) == (WarehouseFault.MISCONFIGURED, "database")


def test_a_file_in_use_elsewhere_is_worth_another_try(root: Path) -> None:
    make_shop(root / "busy")
    address = WarehouseAddress("duckdb", {"database": f"busy/{FILE}"})
    script = f"import duckdb\nc = duckdb.connect({str(root / 'busy' / FILE)!r})\nprint('open', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        warehouse = open_warehouse(address, WarehousePolicy(duckdb_root=str(root)), query_tag="")
        with pytest.raises(WarehouseError) as caught:
            warehouse.check()
        warehouse.close()
        holder.kill()
    assert caught.value.fault is WarehouseFault.UNREACHABLE
    assert caught.value.transient


def test_the_owner_can_write_once_the_conversation_is_over(root: Path) -> None:
    policy = WarehousePolicy(duckdb_root=str(root))
    for _ in range(2):
        warehouse = open_warehouse(WarehouseAddress("duckdb", {"database": FILE}), policy, query_tag="")
        assert warehouse.count("SELECT count(*) FROM people") >= 1000
        warehouse.close()
        with duckdb.connect(str(root / FILE)) as writer:
            writer.execute("INSERT INTO people SELECT * FROM people LIMIT 1")
