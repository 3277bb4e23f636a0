"""Counters of what each version of a model has done, by tenant and hour, kept in the transactions of the acts."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from shared import tables
from shared.database import clock
from shared.job import StageName

_tally = tables.tally
_prediction = tables.prediction
HOUR_S = 3600
DAY_H = 24
CLASS_RATIO = 1.25
"""Between the bounds of two classes of seconds: a quantile read from them is at most 12 % off."""
SHORTEST_S = 1e-4
UNTIMED = -1_000
"""The class of what has no time of its own: failures, cached answers, statements of people."""
KEY = ("tenant", "stage", "model", "version", "pace")
COUNTS = ("jobs", "cached", "failed", "degraded", "judged", "unsure", "agreed", "disagreed")
SUMS = (*COUNTS, "seconds", "confidence")
HOUR = sa.cast(clock(), sa.BigInteger) // HOUR_S
KEPT_HOURS = 31 * DAY_H
"""Hours for which each is kept by itself; then those of a day become one row."""


def _adding(hour: sa.ColumnElement[int]) -> dict[str, sa.Insert]:
    """By dialect, the statement that adds to the counters of an hour, built once."""
    made: dict[str, sa.Insert] = {}
    for dialect in (sqlite, postgresql):
        row = dialect.insert(_tally).values({name: sa.bindparam(name) for name in (*KEY, *SUMS)} | {"hour": hour})
        made[dialect.dialect.name] = row.on_conflict_do_update(
            index_elements=["tenant", "hour", "stage", "model", "version", "pace"],
            set_={name: _tally.c[name] + row.excluded[name] for name in SUMS},
        )
    return made


_ADD = _adding(HOUR)
_ADD_BACK = _adding(sa.bindparam("its_hour"))


@dataclass(frozen=True, slots=True)
class Done:
    """What one version did for one job, or what somebody said of it; each figure that is not given is 0."""

    tenant: str
    stage: StageName
    model: str
    version: str
    pace: int = UNTIMED
    jobs: int = 0
    cached: int = 0
    failed: int = 0
    degraded: int = 0
    judged: int = 0
    unsure: int = 0
    agreed: int = 0
    disagreed: int = 0
    seconds: float = 0.0
    confidence: float = 0.0


def pace(seconds: float) -> int:
    """The class of a time in seconds."""
    return math.ceil(math.log(max(seconds, SHORTEST_S)) / math.log(CLASS_RATIO))


def upper_s(pace: int) -> float:
    """The longest time of a class, in seconds."""
    return CLASS_RATIO**pace


def add(connection: sa.Connection, done: Iterable[Done]) -> None:
    """Add to the counters of this hour; call it last in a transaction, because every worker writes the same rows."""
    sums: dict[tuple[str, ...], dict[str, float]] = defaultdict(lambda: dict.fromkeys(SUMS, 0.0))
    keys: dict[tuple[str, ...], dict[str, Any]] = {}
    for each in done:
        key = (each.tenant, each.stage.value, each.model, each.version, f"{each.pace:+06d}")
        keys[key] = {**{name: getattr(each, name) for name in KEY}, "stage": each.stage.value}
        for name in SUMS:
            sums[key][name] += getattr(each, name)
    if keys:  # in one order, so that two who write the same rows wait for each other and never deadlock
        connection.execute(_ADD[connection.dialect.name], [{**keys[key], **_whole(sums[key])} for key in sorted(keys)])


def said(connection: sa.Connection, job_id: str, stages: Sequence[StageName], *, right: bool) -> None:
    """Count what somebody says of the stages of a job for the versions that did them."""
    query = sa.select(_prediction.c.tenant, _prediction.c.models).where(_prediction.c.job_id == job_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return  # it ended before predictions were kept
    served = {stage: name.rpartition("@") for stage, name in json.loads(row.models).items()}
    spoken = {"agreed": int(right), "disagreed": int(not right)}
    add(
        connection,
        [Done(row.tenant, each, served[each][0], served[each][2], **spoken) for each in stages if each in served],
    )


def fold(connection: sa.Connection, *, older_h: int = KEPT_HOURS) -> int:
    """Make one row of the hours of each day that is older; how many rows went into those. Any number may do this."""
    old = (_tally.c.hour < HOUR - older_h) & (_tally.c.hour % DAY_H != 0)
    rows = connection.execute(sa.delete(_tally).where(old).returning(*_tally.c)).mappings().all()
    if rows:
        back = [{**row, "its_hour": row["hour"] - row["hour"] % DAY_H} for row in rows]
        connection.execute(
            _ADD_BACK[connection.dialect.name], sorted(back, key=lambda row: [str(row[name]) for name in KEY])
        )
    return len(rows)


def _whole(sums: dict[str, float]) -> dict[str, float]:
    return {name: int(value) if name in COUNTS else value for name, value in sums.items()}
