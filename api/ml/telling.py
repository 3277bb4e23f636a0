"""Figures of versions as clients read them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.ml.spans import at
from shared import figures
from shared.figures import Figures, Kept, Share
from shared.job import StageName


class Latency(BaseModel):
    """Seconds of the jobs that were computed; quantiles are at most 12 % off."""

    p50_s: float | None
    p95_s: float | None
    mean_s: float | None


class Agreement(BaseModel):
    """What people said in feedback and reviews."""

    agreed: int
    disagreed: int
    share: float | None = Field(description="agreed of both; null where nobody has said a thing")


class Told(BaseModel):
    """The figures of one version over some time."""

    jobs: int
    cached: int = Field(description="answered from an earlier job")
    failed: int = Field(description="ended at this stage without a result; not among jobs")
    degraded: int = Field(description="ran on what took over from the planned engine")
    latency: Latency
    needs_review: float | None = Field(description="share of the judged ones; classify only")
    mean_confidence: float | None = Field(description="classify only")
    agreement: Agreement


class Stretch(Told):
    """The same of one stretch of time."""

    at: datetime = Field(description="when it begins")


class Performance(BaseModel):
    """One version at one stage."""

    stage: StageName
    model: str
    version: str
    total: Told
    over_time: list[Stretch] = Field(description="oldest first; without a job no stretch")


class Estimate(BaseModel):
    """A share with its 95 % confidence interval (Wilson)."""

    of: int
    share: float
    low: float
    high: float


class Tested(BaseModel):
    """The same share of two versions."""

    a: Estimate | None
    b: Estimate | None
    difference: float | None = Field(description="b less a")
    p_value: float | None = Field(
        description="of the two-sided z test that both are the same; null where too few were counted"
    )


def told(sums: Figures) -> Told:
    """Some figures."""
    latency = Latency(p50_s=_s(sums.quantile_s(0.5)), p95_s=_s(sums.quantile_s(0.95)), mean_s=_s(sums.mean_s))
    spoken = sums.agreed + sums.disagreed
    return Told(
        jobs=sums.jobs,
        cached=sums.cached,
        failed=sums.failed,
        degraded=sums.degraded,
        latency=latency,
        needs_review=_s(figures.ratio(sums.unsure, sums.judged)),
        mean_confidence=_s(sums.mean_confidence),
        agreement=Agreement(agreed=sums.agreed, disagreed=sums.disagreed, share=_s(figures.ratio(sums.agreed, spoken))),
    )


def performance(stretches: list[Kept]) -> list[Performance]:
    """Versions by stage, each with its total and its course."""
    by_version: dict[tuple[StageName, str, str], list[Kept]] = {}
    for each in stretches:
        by_version.setdefault((each.stage, each.model, each.version), []).append(each)
    return [
        Performance(
            stage=stage,
            model=model,
            version=version,
            total=told(figures.total(each.figures for each in mine)),
            over_time=[Stretch(at=at(each.since_h), **dict(told(each.figures))) for each in mine],
        )
        for (stage, model, version), mine in by_version.items()
    ]


def tested(a: tuple[int, int], b: tuple[int, int]) -> Tested:
    """Two shares beside each other, each as part and whole."""
    one, two = figures.share(*a), figures.share(*b)
    return Tested(
        a=_estimate(one),
        b=_estimate(two),
        difference=None if one is None or two is None else round(two.share - one.share, 4),
        p_value=_p(figures.p_value(one, two)),
    )


def _estimate(found: Share | None) -> Estimate | None:
    if found is None:
        return None
    return Estimate(of=found.of, share=round(found.share, 4), low=round(found.low, 4), high=round(found.high, 4))


def _s(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _p(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")
