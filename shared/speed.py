"""How fast each stage has been of late, to say when a waiting job will be done."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from shared import tables
from shared.database import clock

NEWEST_WEIGHS = 0.2  # share of the newest measurement in the moving mean
_speed = tables.speed


def learn(connection: sa.Connection, *, source: str, size: float, timings: dict[str, float]) -> None:
    """Fold one job's seconds per unit (character of text, second of recording) into the moving means."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for stage, seconds in timings.items():
        newest = seconds / max(size, 1.0)
        insert = dialect.insert(_speed).values(stage=stage, source=source, seconds_per_unit=newest, updated_at=clock())
        mean = (1.0 - NEWEST_WEIGHS) * _speed.c.seconds_per_unit + NEWEST_WEIGHS * newest
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["stage", "source"], set_={"seconds_per_unit": mean, "updated_at": clock()}
            )
        )


def seconds_per_unit(connection: sa.Connection) -> dict[str, float]:
    """Seconds that all stages together take per unit, by source (text, audio)."""
    query = sa.select(_speed.c.source, sa.func.sum(_speed.c.seconds_per_unit).label("total")).group_by(_speed.c.source)
    return {str(row.source): float(row.total) for row in connection.execute(query)}
