"""What planning must know of a pipeline, read from the control database."""

from __future__ import annotations

from warehouse_sync.catalog import data_models, runs
from warehouse_sync.catalog.database import Transaction
from warehouse_sync.domain.pipeline import Pipeline
from warehouse_sync.scheduler.planner import PipelineProgress


def progress_of(tx: Transaction, pipeline: Pipeline) -> PipelineProgress:
    """How far a pipeline has come."""
    return PipelineProgress(
        counted_from=pipeline.resumed_on or pipeline.audit.created_on,
        last_end=runs.last_success_end(tx, pipeline.key),
        offset=data_models.by_key(tx, pipeline.data_model_key).load_timestamp.offset,
        last_logical_date=runs.last_success_date(tx, pipeline.key),
    )
