"""What the service counts, for Prometheus. A registry of its own: two services in one process do not mix their numbers.

Labels have few values: kinds, results, route templates, statuses; never ids from requests. The only ids are those of active pipelines, and
of at most ``MOST_PIPELINES`` of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from warehouse_sync.domain.run import RunCounts, RunKind

MOST_PIPELINES: Final = 1_000

_RUN_SECONDS: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 14400)
_REQUEST_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """How an active pipeline stands; ``behind`` is the seconds since the end of the last interval that was read, None before the first."""

    workspace_id: int
    pipeline_id: str
    behind: float | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is true now, as the control database has it.

    Attributes:
        unfinished: number of runs by kind and state.
        pipelines: the active ones, in a fixed order.
        notices: number of those that wait for delivery.
    """

    unfinished: Mapping[tuple[str, str], int]
    pipelines: tuple[PipelineFacts, ...]
    notices: int = 0


class Metrics:
    """Everything counted since the process began. Safe to use from any thread.

    Args:
        version: of the product.
    """

    def __init__(self, version: str = "0") -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        info = Gauge(
            "warehouse_sync_info", "Always 1; the label tells the version.", ["version"], registry=self._registry
        )
        info.labels(version).set(1)
        self._runs = self._counter(
            "runs",
            "Executions of runs that ended, by kind and result: success, failed, retry, cancelled, put_back.",
            "kind",
            "result",
        )
        self._run_seconds = self._histogram(
            "run_duration_seconds", "How long executions took that succeeded or failed.", _RUN_SECONDS, "kind", "result"
        )
        self._rows = self._counter("rows", "Rows of successful runs: extracted, mapped, rejected.", "outcome")
        self._lease_losses = self._counter("lease_losses", "Executions that ended because another holder has the run.")
        self._step_failures = self._counter("scheduler_step_failures", "Steps of the scheduler that failed.", "thread")
        self._last_step = Gauge(
            "warehouse_sync_scheduler_last_step_timestamp_seconds",
            "When each thread of the scheduler last ended a step; those that execute runs end one when they have no run.",
            ["thread"],
            registry=self._registry,
        )
        self._deliveries = self._counter(
            "webhook_deliveries",
            "Attempts at delivering notices, by outcome: delivered, failed (it is tried again), given_up.",
            "outcome",
        )
        self._requests = self._counter(
            "api_requests", "Requests by method, route template and status.", "method", "route", "status"
        )
        self._request_seconds = self._histogram(
            "api_request_duration_seconds", "How long requests took.", _REQUEST_SECONDS, "method", "route"
        )

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"warehouse_sync_{name}", about, labels, registry=self._registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"warehouse_sync_{name}", about, labels, buckets=buckets, registry=self._registry)

    def run_ended(self, kind: RunKind, result: str, *, seconds: float | None = None) -> None:
        """An execution ended. ``seconds`` is how long it took, None where that says nothing."""
        self._runs.labels(kind.value, result).inc()
        if seconds is not None:
            self._run_seconds.labels(kind.value, result).observe(max(0.0, seconds))

    def rows_read(self, counts: RunCounts) -> None:
        """A run succeeded with these counts."""
        for outcome in ("extracted", "mapped", "rejected"):
            self._rows.labels(outcome).inc(getattr(counts, outcome))

    def lease_lost(self) -> None:
        self._lease_losses.inc()

    def step_ended(self, thread: str) -> None:
        self._last_step.labels(thread).set_to_current_time()

    def step_failed(self, thread: str) -> None:
        self._step_failures.labels(thread).inc()

    def delivery_ended(self, outcome: str) -> None:
        """An attempt at delivering a notice ended: ``delivered``, ``failed`` or ``given_up``."""
        self._deliveries.labels(outcome).inc()

    def request_answered(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """``route`` is a template or another text of which there are few."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._request_seconds.labels(known, route).observe(seconds)

    def text(self, snapshot: Snapshot) -> bytes:
        """Everything in the text format 0.0.4."""
        now = CollectorRegistry()
        now.register(_Present(snapshot))
        return generate_latest(self._registry) + generate_latest(now)


class _Present(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        unfinished = GaugeMetricFamily(
            "warehouse_sync_runs_unfinished",
            "Runs that wait or are being executed, by kind and state.",
            labels=["kind", "state"],
        )
        for (kind, state), number in sorted(self._snapshot.unfinished.items()):
            unfinished.add_metric([kind, state], number)
        waiting = sum(number for (_, state), number in self._snapshot.unfinished.items() if state != "running")
        yield unfinished
        yield GaugeMetricFamily("warehouse_sync_queue_length", "Runs that wait to be executed.", value=waiting)
        yield GaugeMetricFamily(
            "warehouse_sync_webhook_backlog", "Notices that wait for delivery.", value=self._snapshot.notices
        )
        yield from self._of_pipelines(self._snapshot.pipelines[:MOST_PIPELINES])
        yield GaugeMetricFamily(
            "warehouse_sync_pipelines_not_shown",
            f"Active pipelines beyond the first {MOST_PIPELINES}, which have no numbers of their own here.",
            value=max(0, len(self._snapshot.pipelines) - MOST_PIPELINES),
        )

    def _of_pipelines(self, shown: Iterable[PipelineFacts]) -> Iterator[Metric]:
        behind = GaugeMetricFamily(
            "warehouse_sync_pipeline_behind_seconds",
            "Seconds since the end of the last interval that was read with success.",
            labels=["workspace", "pipeline"],
        )
        stale = GaugeMetricFamily(
            "warehouse_sync_pipeline_stale",
            "1 if the pipeline is later than its schedule and the grace allow.",
            labels=["workspace", "pipeline"],
        )
        for pipeline in shown:
            labels = [str(pipeline.workspace_id), pipeline.pipeline_id]
            stale.add_metric(labels, float(pipeline.is_stale))
            if pipeline.behind is not None:
                behind.add_metric(labels, pipeline.behind)
        yield behind
        yield stale
