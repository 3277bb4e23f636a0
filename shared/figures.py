"""What the counters say of versions: jobs, times, shares and agreement, summed over hours, and how two compare."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shared import tables
from shared.job import StageName
from shared.tally import CLASS_RATIO, COUNTS, UNTIMED, upper_s

_tally = tables.tally
Z_95 = 1.959964  # of the standard normal distribution, two-sided 95 %
LEAST_EXPECTED = 5  # of each kind on each side (Cochran 1954); with fewer the normal approximation does not hold


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of some counters."""

    jobs: int = 0
    seconds: float = 0.0
    """Of those that were computed, together."""
    cached: int = 0
    failed: int = 0
    degraded: int = 0
    judged: int = 0
    confidence: float = 0.0
    """Of those that were judged, together."""
    unsure: int = 0
    agreed: int = 0
    disagreed: int = 0
    paces: Mapping[int, int] = field(default_factory=dict)
    """Timed jobs by class of seconds."""

    @property
    def mean_s(self) -> float | None:
        """Mean seconds of the jobs that were computed."""
        return ratio(self.seconds, sum(self.paces.values()))

    @property
    def mean_confidence(self) -> float | None:
        """Of the jobs that were judged."""
        return ratio(self.confidence, self.judged)

    def quantile_s(self, share: float) -> float | None:
        """The seconds within which this share of the computed jobs was done, at most 12 % off; None: there are none."""
        before, whole = 0, sum(self.paces.values())
        for pace in sorted(self.paces):
            before += self.paces[pace]
            if before >= share * whole:
                return upper_s(pace) / math.sqrt(CLASS_RATIO)
        return None


@dataclass(frozen=True, slots=True)
class Kept:
    """The figures of one version at one stage."""

    stage: StageName
    model: str
    version: str
    since_h: int
    """The hour since the epoch at which its stretch of time begins."""
    figures: Figures


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % confidence interval (Wilson's score interval)."""

    of: int
    share: float
    low: float
    high: float


def read(
    connection: sa.Connection,
    tenant: str | None,
    hours: tuple[int, int],
    *,
    step_h: int | None = None,
    stage: StageName | None = None,
    model: str | None = None,
    version: str | None = None,
) -> list[Kept]:
    """The figures of a tenant (None: of all) from one hour to before another, by version and stretches of `step_h`."""
    since, until = hours
    which = (_tally.c.hour >= since) & (_tally.c.hour < until)
    wanted = {"tenant": tenant, "stage": stage and stage.value, "model": model, "version": version}
    for name, value in wanted.items():
        if value is not None:
            which &= _tally.c[name] == value
    begins = sa.literal(since) if step_h is None else _tally.c.hour - _tally.c.hour % step_h
    keys = (_tally.c.stage, _tally.c.model, _tally.c.version, begins.label("begins"), _tally.c.pace)
    sums = [sa.func.sum(_tally.c[name]).label(name) for name in (*COUNTS, "seconds", "confidence")]
    # By its label: bound twice, PostgreSQL would take it for two different terms.
    grouped = sa.select(*keys, *sums).where(which).group_by(*keys[:3], sa.text("begins"), keys[4])
    return _summed(connection.execute(grouped).mappings())


def total(figures: Iterable[Figures]) -> Figures:
    """All of them together."""
    sums: dict[str, Any] = dict.fromkeys((*COUNTS, "seconds", "confidence"), 0)
    paces: dict[int, int] = defaultdict(int)
    for each in figures:
        for name in sums:
            sums[name] += getattr(each, name)
        for pace, jobs in each.paces.items():
            paces[pace] += jobs
    return Figures(**sums, paces=dict(paces))


def ratio(part: float, whole: float) -> float | None:
    """A share or a mean; None of nothing."""
    return part / whole if whole else None


def share(part: int, whole: int) -> Share | None:
    """A share with its interval (Wilson 1927); None of nothing."""
    if whole == 0:
        return None
    p, z2 = part / whole, Z_95**2
    middle = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z_95 * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return Share(whole, p, max(0.0, middle - half), min(1.0, middle + half))


def p_value(a: Share | None, b: Share | None) -> float | None:
    """Of the two-sided z test that two shares are the same, with their pooled share; None where too few were seen."""
    if a is None or b is None:
        return None
    pooled = (a.share * a.of + b.share * b.of) / (a.of + b.of)
    if min(a.of, b.of) * min(pooled, 1 - pooled) < LEAST_EXPECTED:
        return None
    error = math.sqrt(pooled * (1 - pooled) * (1 / a.of + 1 / b.of))
    return math.erfc(abs(a.share - b.share) / error / math.sqrt(2))


def _summed(rows: Iterable[sa.RowMapping]) -> list[Kept]:
    found: dict[tuple[str, str, str, int], list[Figures]] = defaultdict(list)
    for row in rows:
        counts = {name: int(row[name]) for name in COUNTS}
        timed = {} if row["pace"] == UNTIMED or not counts["jobs"] else {int(row["pace"]): counts["jobs"]}
        key = (str(row["stage"]), str(row["model"]), str(row["version"]), int(row["begins"]))
        its = Figures(**counts, seconds=float(row["seconds"]), confidence=float(row["confidence"]), paces=timed)
        found[key].append(its)
    return [
        Kept(StageName(stage), model, version, begins, total(each))
        for (stage, model, version, begins), each in sorted(found.items())
    ]
