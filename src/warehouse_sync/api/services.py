"""The services that the API speaks to, in one value that ``bootstrap`` fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from warehouse_sync.services.audit import AuditService
from warehouse_sync.services.connections import ConnectionService
from warehouse_sync.services.credentials import CredentialService
from warehouse_sync.services.data_models import DataModelService
from warehouse_sync.services.deletions import DeletionService
from warehouse_sync.services.exports import ExportService
from warehouse_sync.services.feeds import FeedService
from warehouse_sync.services.identity_settings import IdentitySettingsService
from warehouse_sync.services.metrics import MetricsService
from warehouse_sync.services.notices import NoticeService
from warehouse_sync.services.pipelines import PipelineService
from warehouse_sync.services.previews import PreviewService
from warehouse_sync.services.profiles import ProfileService
from warehouse_sync.services.provenance import ProvenanceService
from warehouse_sync.services.records import RecordService
from warehouse_sync.services.run_requests import RunRequestService
from warehouse_sync.services.runs import RunService
from warehouse_sync.services.tokens import TokenService
from warehouse_sync.services.undo import UndoService
from warehouse_sync.services.workspaces import WorkspaceService


@dataclass(frozen=True, slots=True)
class Services:
    """``is_healthy`` says in milliseconds whether the stores can be used."""

    workspaces: WorkspaceService
    credentials: CredentialService
    feeds: FeedService
    tokens: TokenService
    audit: AuditService
    connections: ConnectionService
    data_models: DataModelService
    pipelines: PipelineService
    previews: PreviewService
    runs: RunService
    run_requests: RunRequestService
    profiles: ProfileService
    provenance: ProvenanceService
    records: RecordService
    deletions: DeletionService
    exports: ExportService
    undo: UndoService
    notices: NoticeService
    identity_settings: IdentitySettingsService
    metrics: MetricsService
    is_healthy: Callable[[], bool]
