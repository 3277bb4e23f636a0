"""What Prometheus reads of the models: each version's last day over all tenants; no label says whose, or of whom."""

from __future__ import annotations

import time
from collections.abc import Iterable

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Gauge

from shared import figures
from shared.figures import Kept
from shared.tally import HOUR_S

DAY_H = 24
QUANTILES = (0.5, 0.95)
OUTCOMES = ("jobs", "cached", "failed", "degraded", "unsure", "agreed", "disagreed")
LABELS = ("stage", "model", "version")


class ModelMeasures:
    """Gauges over the last 24 whole hours and the one that runs, from the counters that all workers keep in SQL."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, what: str, *more: str) -> Gauge:
            return Gauge(name, what, (*LABELS, *more), registry=registry)

        self._outcomes = gauge("clinq_model_day", "Jobs of the last day at a stage by what became of them", "outcome")
        self._seconds = gauge("clinq_model_seconds", "Seconds of a stage over the last day", "quantile")
        self._confidence = gauge("clinq_model_confidence", "Mean confidence of the category over the last day")

    def set(self, kept: Iterable[Kept]) -> None:
        """Show these figures, and none that were shown before."""
        for each in (self._outcomes, self._seconds, self._confidence):
            each.clear()
        for its in kept:
            labels = (its.stage.value, its.model, its.version)
            for outcome in OUTCOMES:
                self._outcomes.labels(*labels, outcome).set(getattr(its.figures, outcome))
            for share in QUANTILES:
                if (seconds := its.figures.quantile_s(share)) is not None:
                    self._seconds.labels(*labels, str(share)).set(seconds)
            if (confidence := its.figures.mean_confidence) is not None:
                self._confidence.labels(*labels).set(confidence)


def last_day(connection: sa.Connection) -> list[Kept]:
    """The figures of every version over the last day, all tenants together."""
    now = int(time.time() // HOUR_S)
    return figures.read(connection, None, (now - DAY_H, now + 2))  # an hour ahead, for a database whose clock is
