"""Connections, data models, pipelines, feeds, workspaces, credentials and the audit log, on a real control database."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.catalog.conftest import only_sqlite
from warehouse_sync.catalog import audit, connections, credentials, data_models, feeds, pipelines, workspaces
from warehouse_sync.catalog.audit import AuditEntry
from warehouse_sync.catalog.credentials import Credential, Permission
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.pipelines import PipelineDefinition
from warehouse_sync.domain.connection import WarehouseAddress
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.secret import MASK, Secret
from warehouse_sync.errors import InvalidRequest, LimitExceeded, StoreError
from warehouse_sync.security.vault import KeyEncryptionKey, Vault

NOW = datetime(2023, 2, 8, 0, 5, 31, 230000, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@only_sqlite
def test_secrets_are_masked_until_opened_and_not_in_the_file(
    database: Database, definition: PipelineDefinition, vault: Vault, url: str
) -> None:
    with database.read() as tx:
        stored = connections.by_key(tx, definition.connection_key)
        assert stored.address.secrets["password"].reveal() == MASK
        opened = connections.opened(tx, stored, vault)
        assert opened.address.secrets == {"password": Secret("hunter2")}
        with pytest.raises(StoreError):
            connections.opened(tx, stored, Vault([KeyEncryptionKey(bytes(32))]))
    for path in Path(url.removeprefix("sqlite:///")).parent.iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_a_secret_moved_to_another_connection_does_not_open(
    database: Database, definition: PipelineDefinition, vault: Vault
) -> None:
    with database.write() as tx:
        other = connections.create(
            tx,
            workspace_id=5328,
            id="other",
            name="Other",
            address=WarehouseAddress("snowflake", {}, {"password": Secret("x")}),
            is_active=True,
            vault=vault,
            now=NOW,
            by="ann",
        )
        tx.exec_driver_sql(
            f"UPDATE connection_secrets SET sealed = (SELECT sealed FROM connection_secrets WHERE connection_key = "
            f"{definition.connection_key}) WHERE connection_key = {other.key}"
        )
        with pytest.raises(StoreError):
            connections.opened(tx, other, vault)


def test_changing_a_connection_replaces_it_and_clears_its_fault(
    database: Database, definition: PipelineDefinition, vault: Vault
) -> None:
    with database.write() as tx:
        connections.set_faulted(tx, definition.connection_key, is_faulted=True)
        before = connections.by_key(tx, definition.connection_key)
        assert before.is_faulted
        address = WarehouseAddress("snowflake", {"user": "v"}, {"password": Secret("new")})
        after = connections.change(
            tx, before, name="N", address=address, is_active=False, vault=vault, now=LATER, by="bob"
        )
        assert connections.opened(tx, after, vault).address == address
    assert (after.key, after.id, after.name, after.is_active, after.is_faulted) == (
        before.key,
        "crm",
        "N",
        False,
        False,
    )
    assert (after.audit.created_by, after.audit.last_modified_on, after.audit.last_modified_by) == ("ann", LATER, "bob")


def test_a_deleted_connection_is_gone_with_its_secrets_and_its_id_is_free(
    database: Database, definition: PipelineDefinition, vault: Vault
) -> None:
    with database.write() as tx:
        old = connections.by_key(tx, definition.connection_key)
        connections.delete(tx, old, now=LATER, by="bob")
        assert connections.find(tx, 5328, "crm") is None
        assert connections.all_of(tx, 5328) == []
        assert connections.opened(tx, old, vault).address.secrets == {}
        again = connections.create(
            tx,
            workspace_id=5328,
            id="crm",
            name="CRM",
            address=WarehouseAddress("duckdb", {}),
            is_active=True,
            vault=vault,
            now=LATER,
            by="bob",
        )
        assert again.key != old.key
        assert again.audit.last_modified_on is None
        assert [c.key for c in connections.all_of(tx, 5328, type="duckdb")] == [again.key]
        assert connections.all_of(tx, 5328, type="snowflake") == []


def test_two_living_objects_never_share_an_id(
    database: Database, definition: PipelineDefinition, vault: Vault, pipeline: Pipeline
) -> None:
    with database.write() as tx:
        with pytest.raises(InvalidRequest, match="connection with id crm exists already"):
            connections.create(
                tx,
                workspace_id=5328,
                id="crm",
                name="x",
                address=WarehouseAddress("duckdb", {}),
                is_active=True,
                vault=vault,
                now=NOW,
                by="ann",
            )
        with pytest.raises(InvalidRequest, match="data model with id scores exists already"):
            data_models.create(
                tx,
                workspace_id=5328,
                id="scores",
                name="x",
                sql_query="SELECT 1",
                load_timestamp=LoadTimestamp("ts", LoadTimestampType.DATE),
                is_active=True,
                now=NOW,
                by="ann",
            )
        with pytest.raises(InvalidRequest, match="pipeline with id p exists already") as caught:
            pipelines.create(tx, 5328, "p", definition, max_active=5, now=NOW, by="ann")
        assert caught.value.field == "id"


def test_a_data_model_is_read_back_whole(database: Database, definition: PipelineDefinition) -> None:
    load_timestamp = LoadTimestamp(
        "UPDATED_AT", LoadTimestampType.DATETIME, "America/New_York", timedelta(seconds=-1800)
    )
    with database.write() as tx:
        stored = data_models.by_key(tx, definition.data_model_key)
        changed = data_models.change(
            tx,
            stored,
            name="M",
            sql_query="SELECT 2",
            load_timestamp=load_timestamp,
            is_active=False,
            now=LATER,
            by="b",
        )
        assert data_models.find(tx, 5328, "scores") == changed
        assert data_models.all_of(tx, 5328) == [changed]
        assert (changed.load_timestamp, changed.sql_query, changed.is_active) == (load_timestamp, "SELECT 2", False)
        data_models.delete(tx, changed, now=LATER, by="b")
        assert data_models.find(tx, 5328, "scores") is None
        assert data_models.by_key(tx, changed.key).id == "scores"


def test_a_pipeline_is_read_back_whole(database: Database, pipeline: Pipeline, definition: PipelineDefinition) -> None:
    assert (pipeline.connection_id, pipeline.data_model_id) == ("crm", "scores")
    assert pipeline.schedule == definition.schedule
    assert pipeline.resumed_on is None
    with database.read() as tx:
        assert pipelines.find(tx, 5328, "p") == pipeline
        assert pipelines.find(tx, 1, "p") is None
        assert pipelines.users_of_connection(tx, definition.connection_key) == ["p"]
        assert pipelines.users_of_data_model(tx, definition.data_model_key) == ["p"]


def test_resuming_is_remembered_and_a_change_clears_the_fault(
    database: Database, pipeline: Pipeline, definition: PipelineDefinition
) -> None:
    paused = replace(definition, is_active=False)
    with database.write() as tx:
        pipelines.set_fault(tx, pipeline.key, "The query fails.")
        assert pipelines.runnable(tx) == []
        faulted = pipelines.by_key(tx, pipeline.key)
        assert faulted.faulted_reason == "The query fails."
        same = pipelines.change(tx, faulted, definition, max_active=5, now=LATER, by="b")
        assert (same.is_faulted, same.resumed_on) == (False, None)
        assert pipelines.runnable(tx) == [same]
        stopped = pipelines.change(tx, same, paused, max_active=5, now=LATER, by="b")
        assert pipelines.runnable(tx) == []
        again = pipelines.change(tx, stopped, definition, max_active=5, now=LATER, by="b")
        assert again.resumed_on == LATER


def test_the_limit_of_active_pipelines(database: Database, definition: PipelineDefinition) -> None:
    with database.write() as tx:

        def create(id_: str, given: PipelineDefinition = definition) -> Pipeline:
            return pipelines.create(tx, 5328, id_, given, max_active=2, now=NOW, by="ann")

        first = create("a")
        create("b")
        with pytest.raises(LimitExceeded, match="at most 2"):
            create("c")
        paused = create("c", replace(definition, is_active=False))
        draft = create("d", replace(definition, is_draft=True))
        for waiting in (paused, draft):
            with pytest.raises(LimitExceeded):
                pipelines.change(tx, waiting, definition, max_active=2, now=NOW, by="ann")
        assert pipelines.change(tx, first, definition, max_active=2, now=NOW, by="ann").may_run
        pipelines.delete(tx, first, now=NOW, by="ann")
        assert pipelines.change(tx, draft, definition, max_active=2, now=NOW, by="ann").may_run
        pipelines.delete(tx, pipelines.by_key(tx, draft.key), now=NOW, by="ann")  # number 1 is free, number 2 is held
        with pytest.raises(LimitExceeded):  # the limit was lowered; free small numbers do not let anybody in
            pipelines.change(tx, paused, definition, max_active=1, now=NOW, by="ann")


def test_racing_activations_never_pass_the_limit(database: Database, definition: PipelineDefinition) -> None:
    outcomes: list[bool] = []

    def create(number: int) -> None:
        try:
            with database.write() as tx:
                pipelines.create(tx, 5328, f"p{number}", definition, max_active=5, now=NOW, by="ann")
        except LimitExceeded:
            outcomes.append(False)
        else:
            outcomes.append(True)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 15 + [True] * 5


def test_the_index_refuses_a_slot_twice(database: Database, pipeline: Pipeline, definition: PipelineDefinition) -> None:
    with database.write() as tx:
        pipelines.create(tx, 5328, "q", definition, max_active=5, now=NOW, by="ann")
        with pytest.raises(sa.exc.IntegrityError, match=r"(?i)unique constraint"):
            tx.exec_driver_sql("UPDATE pipelines SET active_slot = 1")


def test_feeds_are_found_by_number_and_key_inside_their_workspace(database: Database, pipeline: Pipeline) -> None:
    with database.read() as tx:
        (feed,) = feeds.all_of(tx, 5328)
        assert feeds.find(tx, 5328, feed.id) == feed
        assert feeds.find_by_key(tx, 5328, b"k") == feed
        assert feeds.find(tx, 1, feed.id) is None
        assert feeds.find_by_key(tx, 1, b"k") is None


def test_workspaces(database: Database) -> None:
    with database.write() as tx:
        for number in (2, 1):
            workspaces.create(tx, workspaces.Workspace(number, f"W{number}", 7, 8, NOW))
        with pytest.raises(InvalidRequest, match="exists already"):
            workspaces.create(tx, workspaces.Workspace(1, "again", 7, 8, NOW))
        assert [w.id for w in workspaces.all_of(tx)] == [1, 2]
        assert [w.id for w in workspaces.all_of(tx, [2, 3])] == [2]
        workspaces.set_identity_settings(tx, 1, {"strategy": "best_match"})
        found = workspaces.find(tx, 1)
        assert found is not None
        assert found.identity_settings == {"strategy": "best_match"}
        assert workspaces.find(tx, 3) is None


def test_credentials(database: Database) -> None:
    everywhere = Credential("a", "ci", Permission.ADMIN, None, True, NOW)
    scoped = Credential("b", "reader", Permission.USER, (1, 2), True, LATER)
    with database.write() as tx:
        for number in (1, 2):
            workspaces.create(tx, workspaces.Workspace(number, "W", 7, 8, NOW))
        credentials.create(tx, everywhere, b"digest")
        credentials.create(tx, scoped, b"other")
        assert credentials.find(tx, "a") == (everywhere, b"digest")
        assert credentials.find(tx, "b") == (scoped, b"other")
        assert credentials.find(tx, "c") is None
        assert credentials.all_of(tx) == [everywhere, scoped]
        assert credentials.set_active(tx, "a", is_active=False)
        assert not credentials.set_active(tx, "c", is_active=False)
        found = credentials.find(tx, "a")
        assert found is not None
        assert not found[0].is_active


def test_the_audit_log_is_read_backwards_by_workspace(database: Database) -> None:
    entries = [AuditEntry(NOW, "c", 1, "create", "pipeline", f"p{n}", {"name": "x"}) for n in range(3)]
    with database.write() as tx:
        for entry in [*entries, AuditEntry(NOW, "c", 2, "create", "pipeline", "q")]:
            audit.record(tx, entry)
        assert audit.page(tx, 1, page=1, size=2) == [entries[2], entries[1]]
        assert audit.page(tx, 1, page=2, size=2) == [entries[0]]
