"""Who works here: one row a worker process, for operators, health checks and the estimate of waiting times."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shared import models, tables
from shared.database import Database, clock

_worker = tables.worker
FORGOTTEN_AFTER_S = 3600.0
REASON_CHARS = 200  # of a problem: those of all stages fit into the row


@dataclass(slots=True)
class Standing:
    """How this process stands to the model registry."""

    revision: int = 0
    """What it has heard of and followed."""
    problems: dict[str, str] = field(default_factory=dict)
    """Why it lacks a version that it should use, by stage."""


@dataclass(frozen=True, slots=True)
class Presence:
    """This process's row in the table of workers."""

    database: Database
    name: str
    device: str
    models: dict[str, str]
    """Engine and model by stage; what it says when the worker is seen is what serves then."""
    standing: Standing = field(default_factory=Standing)
    sizes_mb: dict[str, float] = field(default_factory=dict)
    """What the model of each stage took in memory as it was loaded, in MB."""

    def arrive(self) -> None:
        """Write the row, and remove those of workers that went long ago."""
        with self.database.write() as connection:
            old = (_worker.c.seen_at < clock() - FORGOTTEN_AFTER_S) | (_worker.c.name == self.name)
            connection.execute(sa.delete(_worker).where(old))
            row = {"name": self.name, "device": self.device, **self._now()}
            connection.execute(sa.insert(_worker).values(**row, started_at=clock(), seen_at=clock()))

    def seen(self, job_id: str | None) -> int:
        """Say that this process lives, and what it works on; the registry's revision now."""
        with self.database.write() as connection:
            mine = sa.update(_worker).where(_worker.c.name == self.name)
            connection.execute(mine.values(seen_at=clock(), job_id=job_id, **self._now()))
            return models.revision(connection)

    def leave(self) -> None:
        """Remove the row."""
        with self.database.write() as connection:
            connection.execute(sa.delete(_worker).where(_worker.c.name == self.name))

    def _now(self) -> dict[str, Any]:
        problems = {stage: why[:REASON_CHARS] for stage, why in self.standing.problems.items()}
        return {
            "models": json.dumps(self.models),
            "revision": self.standing.revision,
            "problems": json.dumps(problems),
            "memory": json.dumps(self.sizes_mb),
        }
