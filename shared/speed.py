"""How fast each stage has been of late: it says when a waiting job will be done, and how long an attempt may take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from shared import tables
from shared.database import clock
from shared.job import StageName

NEWEST_WEIGHS = 0.2  # share of the newest job in the moving mean
_speed = tables.speed


@dataclass(frozen=True, slots=True)
class Measured:
    """What one job took: seconds by stage, for so many characters of text or seconds of recording."""

    source: str
    size: float
    timings: Mapping[str, float]


class Pace(dict[str, float]):
    """Seconds per unit that all stages together take, by source; it also knows each stage."""

    def __init__(self, stages: Mapping[tuple[str, str], float]) -> None:
        """Take the seconds per unit of each (source, stage)."""
        super().__init__()
        self._stages = stages
        for (source, _), seconds in stages.items():
            self[source] = self.get(source, 0.0) + seconds

    def of(self, source: str, stages: Iterable[StageName]) -> float | None:
        """Seconds per unit that these stages take together; None where one of them was never measured."""
        each = [self._stages.get((source, stage.value)) for stage in stages]
        return None if None in each else sum(seconds for seconds in each if seconds is not None)


def learn_all(connection: sa.Connection, done: Sequence[Measured]) -> None:
    """Fold what a group of jobs took into the moving means; a group of many weighs more than one job."""
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    units: defaultdict[tuple[str, str], float] = defaultdict(float)
    jobs: defaultdict[tuple[str, str], int] = defaultdict(int)
    for each in done:
        for stage, taken in each.timings.items():
            seconds[stage, each.source] += taken
            units[stage, each.source] += max(each.size, 1.0)
            jobs[stage, each.source] += 1
    if not seconds:
        return
    # In one order, so that two workers who write the same rows wait for each other and never deadlock.
    rows = [
        {
            "stage": stage,
            "source": source,
            "seconds_per_unit": seconds[stage, source] / units[stage, source],
            "weight": 1.0 - (1.0 - NEWEST_WEIGHS) ** jobs[stage, source],
        }
        for stage, source in sorted(seconds)
    ]
    connection.execute(_upsert(connection.dialect.name), rows)


def learn(connection: sa.Connection, *, source: str, size: float, timings: Mapping[str, float]) -> None:
    """Fold one job's seconds per unit (character of text, second of recording) into the moving means."""
    learn_all(connection, [Measured(source, size, timings)])


def seconds_per_unit(connection: sa.Connection) -> Pace:
    """Seconds that all stages together take per unit, by source (text, audio)."""
    rows = connection.execute(sa.select(_speed.c.source, _speed.c.stage, _speed.c.seconds_per_unit))
    return Pace({(str(row.source), str(row.stage)): float(row.seconds_per_unit) for row in rows})


@cache
def _upsert(dialect: str) -> sa.Insert:
    """Built once: building a statement costs more than running it."""
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(_speed).values(updated_at=clock())
    weight = sa.bindparam("weight", type_=sa.Float)
    mean = (1.0 - weight) * _speed.c.seconds_per_unit + weight * insert.excluded.seconds_per_unit
    return insert.on_conflict_do_update(
        index_elements=["stage", "source"], set_={"seconds_per_unit": mean, "updated_at": clock()}
    )
