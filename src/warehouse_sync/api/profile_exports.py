"""Profiles in bulk: ``/platform/extensions/…/profiles/export``."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Final

from anyio import CancelScope, to_thread
from fastapi import APIRouter, Query
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from warehouse_sync.api.callers import CallerIn, ServicesIn, WorkspaceId
from warehouse_sync.api.responses import READ
from warehouse_sync.domain.environment import Environment
from warehouse_sync.domain.export import ExportForm
from warehouse_sync.services.caller import LARGEST_ID

router = APIRouter(prefix="/profiles", tags=["Profiles"])

_MEDIA_TYPES: Final = {
    ExportForm.PARQUET: "application/vnd.apache.parquet",
    ExportForm.JSON_LINES: "application/x-ndjson",
}
_LINE: Final = (
    '{"mpid":"4821907344098217362","created_on":"2026-01-05T02:00:09Z","identities":{"customer_id":"C-17"},'
    '"attributes":{"tier":"gold"},"origins":{"tier":{"data_model_id":"crm","pipeline_run_id":17,'
    '"load_timestamp":"2026-01-04T23:11:00Z"}}}\n'
)
_EXAMPLES: Final = {ExportForm.PARQUET: "PAR1…PAR1", ExportForm.JSON_LINES: _LINE}
_RESPONSES: Final = READ | {
    200: {
        "description": "The profiles, streamed. An answer that breaks off is not whole.",
        "content": {
            _MEDIA_TYPES[form]: {"schema": {"type": "string", "format": "binary"}, "example": example}
            for form, example in _EXAMPLES.items()
        },
    }
}


class _ClosingResponse(StreamingResponse):
    """Streams pieces and closes their generator, whether all were sent or the client went away."""

    def __init__(self, pieces: Generator[bytes], *, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(iterate_in_threadpool(pieces), media_type=media_type, headers=headers)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._pieces.close)


@router.get(
    "/export",
    summary="Export profiles",
    description="Every profile of an environment with identities, typed attributes and their origins, as Parquet or as JSON lines. "
    "All of it is from one moment, however long it takes to read.",
    responses=_RESPONSES,
    response_class=StreamingResponse,
)
def export_profiles(
    caller: CallerIn,
    services: ServicesIn,
    workspace_id: WorkspaceId,
    *,
    environment: Annotated[Environment, Query(description="One of the two pools.", examples=["production"])],
    form: Annotated[ExportForm, Query(alias="format", description="What is written.")] = ExportForm.PARQUET,
    since_run: Annotated[
        int | None,
        Query(
            ge=1,
            le=LARGEST_ID,
            description="Only profiles that this run, or anything applied since its first row, has changed.",
            examples=[17],
        ),
    ] = None,
    origins: Annotated[
        bool, Query(description="With data model, run and load timestamp of each attribute's value.")
    ] = True,
) -> StreamingResponse:
    pieces = services.exports.export(caller, workspace_id, environment, form, since_run=since_run, origins=origins)
    name = f"profiles-{workspace_id}-{environment}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return _ClosingResponse(pieces, media_type=_MEDIA_TYPES[form], headers=headers)
