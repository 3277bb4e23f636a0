"""What Prometheus reads: requests by route template, and the state of the queue; no label holds an id."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.model_measures import ModelMeasures
from api.standing import QueueState
from shared.figures import Kept

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Measures:
    """The figures of one API process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "clinq_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "clinq_request_seconds", "Time to answer", ("route",), buckets=BUCKETS_S, registry=self.registry
        )
        self._jobs = Gauge("clinq_jobs", "Jobs by state", ("status",), registry=self.registry)
        self._sent = Gauge("clinq_wake_ups", "Wake-ups that lie in Redis", registry=self.registry)
        self._backlog = Gauge(
            "clinq_waiting_work_seconds", "Estimated seconds of waiting work, for scaling", registry=self.registry
        )
        self._workers = Gauge("clinq_workers", "Workers seen in the last 15 seconds", registry=self.registry)
        self._memory = Gauge(
            "clinq_model_megabytes", "Memory of the models of all workers", ("stage",), registry=self.registry
        )
        self.sockets = Gauge("clinq_sockets", "Open WebSockets of this process", registry=self.registry)
        self.streams = Gauge("clinq_streams", "Open event streams of this process", registry=self.registry)

        self._models = ModelMeasures(self.registry)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        found = self._children.get((method, route, status))
        if found is None:
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._children[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def text(self, state: QueueState, wake_ups: int | None, versions: Iterable[Kept] = ()) -> bytes:
        """All figures in Prometheus's text format."""
        self._models.set(versions)
        for status, count in state.jobs.items():
            self._jobs.labels(status.value).set(count)
        self._backlog.set(state.waiting_s or 0.0)
        self._workers.set(state.workers)
        for stage, size in state.memory_mb.items():
            self._memory.labels(stage).set(size)
        if wake_ups is not None:
            self._sent.set(wake_ups)
        return generate_latest(self.registry)
