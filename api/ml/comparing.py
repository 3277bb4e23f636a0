"""Two versions of a stage beside each other: the same figures, with intervals and tests, and how shadows agreed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel, Field

from api.errors import invalid
from api.ml.pins import no_such_model
from api.ml.spans import Hours
from api.ml.telling import Tested, Told, tested, told
from shared import comparisons, figures, models
from shared.figures import Figures
from shared.job import StageName
from shared.models import MANIFEST, Version
from shared.registry import ModelVersion


class Side(BaseModel):
    """One of the two."""

    name: str
    version: str
    id: str = Field(description="of the registry; `manifest`: the manifest's own model")
    figures: Told


class Behind(BaseModel):
    """How one of the two did beside whoever served the same jobs, as a shadow or a canary."""

    jobs: int
    failed: int
    agreement: float | None = Field(description="mean over the jobs, 0 to 1: F1 of what both found")
    seconds: float | None = Field(description="its mean time")
    served_seconds: float | None = Field(description="the mean time of who served")


class Shares(BaseModel):
    """Shares of the jobs, with 95 % intervals and a test of two proportions."""

    failed: Tested = Field(description="of all jobs that came to the stage")
    degraded: Tested = Field(description="of those that it served")
    needs_review: Tested = Field(description="of the judged; classify only")
    agreed: Tested = Field(description="of what people said in feedback and reviews")


class Report(BaseModel):
    """The A/B report; whole hours, the caller's tenant."""

    stage: StageName
    begins: datetime
    ends: datetime
    a: Side
    b: Side
    shares: Shares
    p95_ratio: float | None = Field(description="p95 of b over that of a")
    beside: dict[str, Behind] = Field(description="`a`, `b`: each as a shadow or canary, where it was one")


def report(
    connection: sa.Connection,
    tenant: str,
    stage: StageName,
    names: tuple[str, str],
    span: Hours,
    own: Mapping[StageName, ModelVersion],
) -> Report:
    """The figures of both. Raises ProblemError 404 for a version that there is not, 422 where both are the same."""
    found = [_side(connection, name, stage, own) for name in names]
    if found[0] == found[1]:
        raise invalid("?b", "it must be another version than a")
    kept = [
        figures.total(
            each.figures
            for each in figures.read(connection, tenant, span.both, stage=stage, model=name, version=version)
        )
        for name, version, _ in found
    ]
    a, b = (
        Side(name=name, version=version, id=its, figures=told(sums))
        for (name, version, its), sums in zip(found, kept, strict=True)
    )
    return Report(
        stage=stage,
        begins=span.begins,
        ends=span.ends,
        a=a,
        b=b,
        shares=_shares(*kept),
        p95_ratio=_ratio(*(each.quantile_s(0.95) for each in kept)),
        beside=_beside(connection, tenant, {"a": a.id, "b": b.id}),
    )


def _side(
    connection: sa.Connection, wanted: str, stage: StageName, own: Mapping[StageName, ModelVersion]
) -> tuple[str, str, str]:
    """Name, version and id."""
    name, _, version = wanted.partition("@")
    registered: list[Version] = models.listed(connection, stage)
    for each in registered:
        if each.name == name and version in {"", each.version}:
            return each.name, each.version, each.id
    model = own.get(stage)
    if model is None or model.name != name or version not in {"", model.version}:
        raise no_such_model()
    return model.name, model.version, MANIFEST


def _shares(a: Figures, b: Figures) -> Shares:
    return Shares(
        failed=tested((a.failed, a.jobs + a.failed), (b.failed, b.jobs + b.failed)),
        degraded=tested((a.degraded, a.jobs), (b.degraded, b.jobs)),
        needs_review=tested((a.unsure, a.judged), (b.unsure, b.judged)),
        agreed=tested((a.agreed, a.agreed + a.disagreed), (b.agreed, b.agreed + b.disagreed)),
    )


def _beside(connection: sa.Connection, tenant: str, ids: Mapping[str, str]) -> dict[str, Behind]:
    found = {side: comparisons.beside(connection, its, tenant=tenant) for side, its in ids.items() if its != MANIFEST}
    return {
        side: Behind(
            jobs=each.jobs,
            failed=each.failed,
            agreement=each.agreement,
            seconds=each.seconds,
            served_seconds=each.served_seconds,
        )
        for side, each in found.items()
        if each.jobs
    }


def _ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else round(b / a, 3)
