"""What a receiver gets to read of a notice."""

from __future__ import annotations

import json
from typing import Any

from warehouse_sync.domain.notice import Notice

_PIPELINE = "{address}/platform/experimental/workspaces/{workspace_id}/inputs/warehouse/pipelines/{pipeline_id}"


def body_of(notice: Notice, address: str) -> bytes:
    """The body of a delivery: minified JSON, the same for every attempt.

    Args:
        address: where the service is, for the links.
    """
    data: dict[str, Any] = dict(notice.facts)
    if notice.pipeline_id is not None:
        data = {"workspace_id": notice.workspace_id, "pipeline_id": notice.pipeline_id} | data
        data["links"] = _links(notice, address)
    told = {
        "type": notice.type.value,
        "timestamp": notice.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": data,
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _links(notice: Notice, address: str) -> dict[str, str]:
    pipeline = _PIPELINE.format(address=address, workspace_id=notice.workspace_id, pipeline_id=notice.pipeline_id)
    run_id = notice.facts.get("pipeline_run_id")
    links = {"pipeline": pipeline, "status": f"{pipeline}/status"}
    return links if run_id is None else links | {"run": f"{pipeline}/status/runs/{run_id}"}
