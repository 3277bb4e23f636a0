"""Who works here: one row a worker process, for operators, health checks and the estimate of waiting times."""

from __future__ import annotations

import json
from dataclasses import dataclass

import sqlalchemy as sa

from shared import tables
from shared.database import Database, clock

_worker = tables.worker
FORGOTTEN_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Presence:
    """This process's row in the table of workers."""

    database: Database
    name: str
    device: str
    models: dict[str, str]
    """Engine and model by stage; what it says when the worker is seen is what serves then."""

    def arrive(self) -> None:
        """Write the row, and remove those of workers that went long ago."""
        with self.database.write() as connection:
            old = (_worker.c.seen_at < clock() - FORGOTTEN_AFTER_S) | (_worker.c.name == self.name)
            connection.execute(sa.delete(_worker).where(old))
            row = {"name": self.name, "device": self.device, "models": json.dumps(self.models)}
            connection.execute(sa.insert(_worker).values(**row, started_at=clock(), seen_at=clock()))

    def seen(self, job_id: str | None) -> None:
        """Say that this process lives, and what it works on."""
        with self.database.write() as connection:
            mine = sa.update(_worker).where(_worker.c.name == self.name)
            connection.execute(mine.values(seen_at=clock(), job_id=job_id, models=json.dumps(self.models)))

    def leave(self) -> None:
        """Remove the row."""
        with self.database.write() as connection:
            connection.execute(sa.delete(_worker).where(_worker.c.name == self.name))
