"""What planning must know of a pipeline, read from the control database."""

from __future__ import annotations

from warehouse_sync.catalog import connections, data_models, high_water
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.domain.run import Run
from warehouse_sync.scheduler.planner import PipelineProgress


def progress_of(tx: Transaction, pipeline: Pipeline) -> PipelineProgress:
    """How far a pipeline has come."""
    return PipelineProgress(
        counted_from=pipeline.resumed_on or pipeline.audit.created_on,
        last_end=high_water.last_success_end(tx, pipeline.key),
        offset=data_models.by_key(tx, pipeline.data_model_key).load_timestamp.offset,
        last_logical_date=high_water.last_success_date(tx, pipeline.key),
    )


def was_changed_since_start(tx: Transaction, pipeline: Pipeline, run: Run) -> bool:
    """Whether a person changed the pipeline, its connection or its data model after the latest execution of a run began."""
    stamps = (
        pipeline.audit,
        connections.by_key(tx, pipeline.connection_key).audit,
        data_models.by_key(tx, pipeline.data_model_key).audit,
    )
    began = run.started_on
    return began is not None and any(
        stamp.last_modified_on is not None and stamp.last_modified_on > began for stamp in stamps
    )
