"""A row is deleted from a profile store by hand: a verification finds it, and a repair puts it back, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from tests.crash.stage import Stage, create_connection, create_data_model, create_pipeline
from tests.fixtures.service import WORKSPACE, RunningService, prepare_home

ROWS = 30


def test_a_row_deleted_by_hand_is_found_and_put_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, prepare_home(tmp_path / "home"))
    at_shop(tmp_path, shop_of(ROWS))
    with stage.serving(chunk_rows="8") as service:
        create_connection(service, "c", "shop.duckdb")
        create_data_model(service, "m", "SELECT * FROM customers")
        create_pipeline(service, stage.access, "p")
        synced = service.run("p")["data_interval_end"]
        deleted = service.resolve("customer_id", "c-9")["mpid"]
        service.client.call("DELETE", f"/platform/extensions/workspaces/{WORKSPACE}/profiles/{deleted}")
        assert found(service) == (ROWS, 0, 0)
    with duckdb.connect(str(stage.store)) as store:
        for statement in (
            "DELETE FROM m_1 WHERE seq = (SELECT seq FROM v_1 WHERE a_1 = 'gold 7')",
            "UPDATE v_1 SET a_1 = 'lead' WHERE a_1 = 'gold 20'",
        ):
            assert store.execute(statement).fetchall() == [(1,)]
    with stage.serving(chunk_rows="8") as service:
        run = verify(service)
        assert (run["run_kind"], run["records_extracted"], run["event_batches_generated"]) == ("verify", ROWS, 0)
        verification = run["verification"]
        assert (verification["rows_missing"], verification["rows_different"]) == (1, 1)
        [missing], [different] = verification["samples_missing"], verification["samples_different"]
        assert missing["row"]["customer_id"] == "c-7"
        assert missing["row"]["updated_at"].startswith("2026-01-01 00:00:07")
        assert different["row"]["tier"] == "gold 20"
        assert tiers(service) == {7: None, 20: "lead", 21: "gold 21"}

        repaired = verify(service, repair=True)
        counts = (repaired["run_kind"], repaired["records_extracted"], repaired["event_batches_generated"])
        assert counts == ("repair", 2, 2)
        assert tiers(service) == {7: "gold 7", 20: "gold 20", 21: "gold 21"}
        assert found(service) == (ROWS, 0, 0)
        assert verify(service, repair=True)["records_extracted"] == 0
        assert verify(service)["verification"]["rows_extra"] == 0
        assert service.workspace.get("pipelines/p/status")["synced_until"] == synced
        search = {"environment_type": "development", "identity": {"type": "customer_id", "value": "c-9"}}
        path = f"/platform/extensions/workspaces/{WORKSPACE}/profiles/find"
        assert service.client.call("POST", path, body=search)["mpids"] == []


def test_what_the_warehouse_no_longer_has_is_named_and_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path, prepare_home(tmp_path / "home"))
    at_shop(tmp_path, shop_of(6))
    with stage.serving(chunk_rows="4") as service:
        create_connection(service, "c", "shop.duckdb")
        create_data_model(service, "m", "SELECT * FROM customers")
        create_pipeline(service, stage.access, "p")
        service.run("p")
        at_shop(
            tmp_path,
            "DELETE FROM customers WHERE customer_id = 'c-3'",
            "UPDATE customers SET tier = 'iron', updated_at = TIMESTAMP '2199-01-01' WHERE customer_id = 'c-5'",  # not read yet
        )
        for repair in (False, True):
            told = verify(service, repair=repair)["verification"]
            assert (told["rows_compared"], told["rows_missing"], told["rows_extra"]) == (4, 0, 1)
            [extra] = told["samples_extra"]
            mpid = service.resolve("customer_id", "c-3")["mpid"]
            assert extra["row"] == {
                "mpid": str(mpid),
                "customer_id": "c-3",
                "tier": "gold 3",
                "updated_at": "2026-01-01 00:00:03",
            }
        part = verify(service, end_time="2026-01-01T00:00:05Z")["verification"]
        assert (part["rows_compared"], part["rows_extra"], part["samples_extra"]) == (3, None, [])
        at_shop(tmp_path, "DELETE FROM customers")
        assert verify(service)["verification"]["rows_extra"] == 6


def shop_of(rows: int) -> str:
    return f"""CREATE TABLE customers AS SELECT 'c-' || i AS customer_id, 'gold ' || i AS tier,
               TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * i AS updated_at FROM range(1, {rows + 1}) r(i)"""


def at_shop(folder: Path, *statements: str) -> None:
    with duckdb.connect(str(folder / "shop.duckdb")) as shop:
        for statement in statements:
            shop.execute(statement)


def verify(service: RunningService, **body: Any) -> dict[str, Any]:
    path = f"/platform/extensions/workspaces/{WORKSPACE}/pipelines/p/verify"
    run_id = service.client.call("POST", path, body=body)["pipeline_run_id"]
    run = service.wait_for_run("p", run_id)
    assert run["pipeline_run_state"] == "success", run
    return run


def found(service: RunningService) -> tuple[int, int, int]:
    verification = verify(service)["verification"]
    return verification["rows_compared"], verification["rows_missing"], verification["rows_different"]


def tiers(service: RunningService) -> dict[int, Any]:
    attributes = {n: service.resolve("customer_id", f"c-{n}").get("user_attributes", {}) for n in (7, 20, 21)}
    return {number: found.get("tier") for number, found in attributes.items()}
