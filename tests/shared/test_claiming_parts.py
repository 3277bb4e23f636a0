"""A batch leaves the other workers their part of what waits, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared import claiming, tables
from shared.claiming import Appetite, Batch, Turns
from shared.database import Database, clock
from tests.shared.test_claiming import database, submit

__all__ = ["database"]
WHOLE = Appetite(64, 0.25, {"text": 0.01}, Batch(rows=6, seconds=60.0))


def arrive(database: Database, *names: str, ago_s: float = 0.0) -> None:
    with database.write() as connection:
        for name in names:
            row = {"name": name, "device": "cpu", "models": "{}", "problems": "{}", "memory": "{}", "revision": 0}
            connection.execute(
                sa.insert(tables.worker).values(**row, started_at=clock() - 60.0, seen_at=clock() - ago_s)
            )


def taken(database: Database) -> int:
    with database.write() as connection:
        return len(claiming.claim(connection, Turns(), WHOLE, worker="me", lease_s=60.0))


@pytest.mark.parametrize(("workers", "jobs", "wanted"), [(1, 5, 5), (2, 5, 3), (4, 12, 3), (8, 5, 1), (2, 40, 6)])
def test_a_worker_takes_its_part_of_what_waits_up_to_a_batch(database: Database, workers: int, jobs: int, wanted: int):
    arrive(database, *map(str, range(workers)))
    for _ in range(jobs):
        submit(database, size=100.0)
    assert taken(database) == wanted


def test_a_worker_that_was_not_seen_of_late_gets_no_part(database: Database):
    arrive(database, "here")
    arrive(database, "gone", "forgotten", ago_s=10 * claiming.WORKER_SEEN_S)
    for _ in range(6):
        submit(database, size=100.0)
    assert taken(database) == 6
