"""Numbers that the profile stores know are given to nothing else."""

from __future__ import annotations

from tests.unit.catalog.conftest import NOW
from warehouse_sync.catalog import data_models
from warehouse_sync.catalog.database import Database
from warehouse_sync.catalog.numbers import pass_over
from warehouse_sync.catalog.pipelines import PipelineDefinition
from warehouse_sync.domain.load_timestamp import LoadTimestamp, LoadTimestampType


def test_what_is_made_next_has_a_greater_number(database: Database, definition: PipelineDefinition) -> None:
    first = definition.data_model_key
    for known, is_passed, following in (
        (0, False, 1),
        (first + 1, False, 2),
        (first + 40, True, 41),
        (first, False, 42),
    ):
        with database.write() as tx:
            for said in (is_passed, False):
                assert pass_over(tx, run_id=0, data_model_key=known, pipeline_key=0) is said
        assert _next(database, f"m{following}") == first + following


def test_numbers_are_passed_over_before_any_was_given(database: Database, definition: PipelineDefinition) -> None:
    with database.write() as tx:
        assert not pass_over(tx, run_id=0, data_model_key=0, pipeline_key=0)
        assert pass_over(tx, run_id=1, data_model_key=0, pipeline_key=1)
        assert not pass_over(tx, run_id=1, data_model_key=definition.data_model_key, pipeline_key=1)


def _next(database: Database, name: str) -> int:
    """The number of a data model that is made now."""
    stamp = LoadTimestamp("ts", LoadTimestampType.TIMESTAMP_NTZ)
    with database.write() as tx:
        made = data_models.create(
            tx,
            workspace_id=5328,
            id=name,
            name=name,
            sql_query="SELECT 1",
            load_timestamp=stamp,
            is_active=True,
            now=NOW,
            by="ann",
        )
    return made.key
