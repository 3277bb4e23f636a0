"""clinq as it is delivered, with a worker whose stages do nothing: gateway, ledger, seals, wake-ups and the loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from shared import tables
from shared.database import Database, clock
from tests.benchmarks import load
from tests.benchmarks.load import request
from tests.benchmarks.rivals.crew import Command, Crew
from tests.house import House

CONNECTIONS = 32
LARGEST_BATCH = 500
OPEN = tables.job.c.status.in_(("queued", "running"))
STAGES = ["assemble"]  # the gateway puts extract before it: two stages are the fewest that a text can have


class Clinq:
    """Jobs go in by POST /api/v1/batch."""

    def __init__(self, home: House) -> None:
        self.name = "clinq"
        self.crew = Crew(home, self.name)
        self._home = home
        self._database = Database(home.database, pool_size=1)
        self._rounds = 0

    def workers(self, count: int) -> list[Command]:
        return [[sys.executable, "-m", "tests.benchmarks.rivals.clinq_worker"]] * count

    def submit(self, kind: str, count: int) -> None:
        items = self._items(kind, count)
        groups = [items[start : start + LARGEST_BATCH] for start in range(0, count, LARGEST_BATCH)]
        self._send("/api/v1/batch", [{"items": group} for group in groups])

    def left(self) -> int:
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(OPEN)).scalar_one())

    def expire(self) -> None:
        with self._database.write() as connection:
            connection.execute(sa.update(tables.job).where(OPEN).values(not_before=0.0))
            connection.execute(sa.update(tables.job).where(tables.job.c.lease.is_not(None)).values(lease=clock()))

    def _items(self, kind: str, count: int) -> list[dict[str, Any]]:
        self._rounds += 1  # so that no text was ever sent before, and no result is used again
        return [{"text": f"{kind} {number} {self._rounds}", "stages": STAGES} for number in range(count)]

    def _send(self, path: str, bodies: Sequence[dict[str, Any]]) -> None:
        wires = [request("POST", path, key=self._home.key, body=json.dumps(body).encode()) for body in bodies]
        done = asyncio.run(load.run(self._home.port, wires, connections=CONNECTIONS))
        if done.statuses != {202}:
            raise RuntimeError(f"the gateway answered {sorted(done.statuses)}")


class Singly(Clinq):
    """The same service and workers; each job goes in by its own POST /api/v1/submit, over 32 connections."""

    def __init__(self, other: Clinq, home: House) -> None:
        super().__init__(home)
        self.name = "clinq, each job by its own request"
        self.crew = other.crew

    def submit(self, kind: str, count: int) -> None:
        self._send("/api/v1/submit", self._items(f"single-{kind}", count))
