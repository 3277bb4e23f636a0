"""Batches on SQLite and on PostgreSQL: one a key, counted as they go, read a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
import uuid_utils

from shared import batches, migrate, reaper, tables
from shared.batches import Flaw, NewBatch, Rejected
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import JobStatus, Priority
from tests import stored

RING = Keyring.parse(new_master_key())
PROBLEM = Rejected(index=2, code="invalid", detail="no", errors=(Flaw(pointer="/text", detail="missing"),))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    postgres = request.param == "postgresql"
    made = Database(request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate.upgrade(made)
    yield made
    made.close()


def new(*, key: str | None = None, tenant: str = "default", items: int = 3) -> NewBatch:
    return NewBatch(str(uuid_utils.uuid7()), tenant, Priority.BULK, items, (PROBLEM,), "0" * 64, key)


def add(database: Database, batch: NewBatch) -> str:
    with database.write() as connection:
        before = batches.add(connection, batch)
    return batch.id if before is None else before.id


def put(database: Database, batch: str, index: int, status: JobStatus, **changes: object) -> str:
    return stored.put(database, RING, status, batch_id=batch, batch_index=index, **changes)


def test_a_batch_is_read_as_it_was_written_and_by_its_tenant_only(database: Database):
    batch_id = add(database, new())
    with database.read() as connection:
        found = batches.find(connection, batch_id, tenant="default")
        assert found is not None
        assert (found.items, found.priority, found.rejected) == (3, Priority.BULK, (PROBLEM,))
        assert batches.find(connection, batch_id, tenant="another") is None
        assert batches.find(connection, str(uuid_utils.uuid7()), tenant="default") is None


def test_of_many_batches_with_one_key_the_first_stands(database: Database):
    with database.write() as connection:
        assert batches.add(connection, new(key="another")) is None
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: add(database, new(key="one")), range(16)))
    assert len(ids) == 1
    assert add(database, new(key="one", tenant="another")) not in ids
    assert len({add(database, new()) for _ in range(3)}) == 3


def test_keys_are_forgotten_in_time(database: Database):
    batch_id = add(database, new(key="one"))
    reaper.forget_keys(database, hours=1.0)
    assert add(database, new(key="one")) == batch_id
    with database.write() as connection:
        connection.execute(sa.update(tables.batch).values(created_at=tables.batch.c.created_at - 3601.0))
    reaper.forget_keys(database, hours=1.0)
    assert add(database, new(key="one")) != batch_id


def test_jobs_are_counted_by_what_a_client_is_told_of_them(database: Database):
    batch_id, other = add(database, new()), add(database, new())
    put(database, batch_id, 0, JobStatus.QUEUED)
    put(database, batch_id, 1, JobStatus.RUNNING, progress=0.5)
    put(database, batch_id, 3, JobStatus.FAILED, progress=0.2)
    put(database, batch_id, 4, JobStatus.COMPLETED, purged_at=1.0)
    put(database, other, 0, JobStatus.DEAD, finished_at=7.0)
    with database.read() as connection:
        tallies = batches.tallies(connection, [batch_id, other])
        assert batches.counts(connection, other) == dict.fromkeys(JobStatus, 0) | {JobStatus.DEAD: 1}
        items = batches.items(connection, batch_id)
    counts = {status: many for status, many in tallies[batch_id].counts.items() if many}
    assert counts == {JobStatus.QUEUED: 1, JobStatus.RUNNING: 1, JobStatus.FAILED: 1, JobStatus.EXPIRED: 1}
    assert tallies[batch_id].open == 2
    assert tallies[batch_id].progress == pytest.approx((0.0 + 0.5 + 1.0 + 1.0) / 4)
    assert (tallies[batch_id].finished_at, tallies[other].finished_at) == (None, 7.0)
    assert [(item.index, item.status.value) for item in items] == [
        (0, "queued"),
        (1, "running"),
        (3, "failed"),
        (4, "expired"),
    ]


def test_a_batch_without_jobs_has_nothing_open(database: Database):
    batch_id = add(database, new())
    with database.read() as connection:
        tally = batches.tallies(connection, [batch_id])[batch_id]
    assert (tally.open, tally.progress, tally.finished_at) == (0, 1.0, None)


def test_what_has_ended_is_read_behind_an_index_and_with_its_result(database: Database):
    batch_id = add(database, new())
    for index, status in enumerate((JobStatus.COMPLETED, JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.COMPLETED)):
        put(database, batch_id, index, status)
    with database.read() as connection:
        assert batches.ended(connection, batch_id) == [0, 2, 3]
        assert batches.ended(connection, batch_id, after=0) == [2, 3]
        found = batches.jobs(connection, batch_id, [3, 0, 9], sealed=("result",))
    assert [(job.batch_index, job.unseal("result", RING)) for job in found] == [(0, b"the result"), (3, b"the result")]


def test_batches_are_listed_newest_first_page_by_page(database: Database):
    ids = [add(database, new()) for _ in range(5)]
    add(database, new(tenant="another"))
    with database.read() as connection:
        first = batches.listed(connection, "default", most=3)
        rest = batches.listed(connection, "default", after=first[-1].id)
    assert [batch.id for batch in (*first, *rest)] == ids[::-1]
