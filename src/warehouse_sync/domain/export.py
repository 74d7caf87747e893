"""In what form profiles leave in bulk."""

from __future__ import annotations

from enum import StrEnum


class ExportForm(StrEnum):
    """What is written."""

    PARQUET = "parquet"
    JSON_LINES = "jsonl"
