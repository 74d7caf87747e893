"""What planning must know of a pipeline, read from the control database."""

from __future__ import annotations

from datetime import datetime

from warehouse_sync.catalog import connections, data_models, runs
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


def last_change(tx: Transaction, pipeline: Pipeline) -> datetime | None:
    """When the pipeline, its connection or its data model was last changed by a person; None if never since their creation."""
    stamps = (
        pipeline.audit,
        connections.by_key(tx, pipeline.connection_key).audit,
        data_models.by_key(tx, pipeline.data_model_key).audit,
    )
    return max((stamp.last_modified_on for stamp in stamps if stamp.last_modified_on is not None), default=None)
