"""Dead letters on SQLite and on PostgreSQL: listed, and brought back once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared import dead, migrate, tables
from shared.audit import Actor
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import JobStatus, Reason, StageName
from shared.webhooks import outbox
from shared.webhooks.outbox import Target
from tests.stored import acts, column, put

RING = Keyring.parse(new_master_key())
ME = Actor("user:me", "default")
LOST = {"reason_code": "worker_lost", "reason_detail": "it died"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Database(url)
    migrate.upgrade(made)
    yield made
    made.close()


def replay(database: Database, **how: Any) -> list[str]:
    with database.write() as connection:
        return dead.replay(connection, "default", ME, **how)


def listed(database: Database, **how: Any) -> list[dead.DeadJob]:
    with database.read() as connection:
        return dead.listed(connection, "default", **how)


def test_a_replayed_job_waits_with_all_its_attempts_and_its_checkpoint(database: Database):
    job_id = put(database, RING, JobStatus.DEAD, stage_attempt=2, not_before=9e9, worker="w", progress=0.4, **LOST)
    kept = column(database, job_id, "case_file", "remaining", "payload", "max_attempts", "progress", "created_at")
    assert replay(database) == [job_id]
    assert column(database, job_id, "status", "attempt", "stage_attempt") == ("queued", 0, 0)
    cleared = ("reason_code", "reason_detail", "finished_at", "worker", "token", "lease", "claimed_at")
    assert column(database, job_id, *cleared) == (None,) * len(cleared)
    assert column(database, job_id, "not_before") < 9e9
    assert kept == column(
        database, job_id, "case_file", "remaining", "payload", "max_attempts", "progress", "created_at"
    )
    assert acts(database, job_id) == ["replayed"]


def test_a_dead_letter_is_replayed_once_however_many_ask(database: Database):
    job_id = put(database, RING, JobStatus.DEAD)
    with ThreadPoolExecutor(6) as pool:
        replayed = [each for ids in pool.map(lambda _: replay(database), range(6)) for each in ids]
    assert replayed == [job_id]
    assert acts(database, job_id) == ["replayed"]


def test_no_other_state_no_other_tenant_and_nothing_purged_or_taken_by_retention_is_replayed(database: Database):
    for status in set(JobStatus) - set(dead.ENDED):
        put(database, RING, status)
    put(database, RING, JobStatus.DEAD, tenant="another")
    put(database, RING, JobStatus.DEAD, purged_at=1.0, wrapped_key=None, payload=None)
    put(database, RING, JobStatus.DEAD, payload=None)
    with database.read() as connection:
        assert dead.left(connection, "default") == 0
    assert [each.replayable for each in listed(database)] == [False]
    assert replay(database) == []


def test_replay_takes_those_it_is_told(database: Database):
    first, second, third = (put(database, RING, JobStatus.DEAD, hours_ago=3.0 - n) for n in range(3))
    failed = put(database, RING, JobStatus.FAILED, batch_id="b", reason_code="bad_audio")
    lost = put(database, RING, JobStatus.DEAD, batch_id="b", **LOST)
    assert replay(database, batch_id="b", statuses=(JobStatus.FAILED,)) == [failed]
    assert replay(database, reason_code="worker_lost") == [lost]
    assert replay(database, job_ids=[second, "not a job"]) == [second]
    assert replay(database, most=1) == [first]
    with database.write() as connection:
        assert dead.left(connection, "default") == 1
        [event] = dead.follow_up(connection, RING, [lost])
    assert (event.job_id, event.type, event.status, event.batch_id) == (lost, "queued", JobStatus.QUEUED, "b")
    assert [each.id for each in listed(database)] == [third]


def test_the_list_is_newest_first_and_goes_on_where_it_ended(database: Database):
    ids = [put(database, RING, JobStatus.DEAD, hours_ago=float(n), **LOST) for n in range(5)]
    failed = put(database, RING, JobStatus.FAILED, hours_ago=0.5)
    first = listed(database, most=2)
    assert [each.id for each in first] == ids[:2]
    replay(database, job_ids=[ids[1]])  # the place outlives its row
    assert [each.id for each in listed(database, after=first[-1].place)] == ids[2:]
    assert [each.id for each in listed(database, statuses=dead.ENDED)][:2] == [ids[0], failed]
    assert (first[0].attempts, first[0].stage) == (3, StageName.EXTRACT)
    assert first[0].reason == Reason("worker_lost", "it died")


def test_whoever_was_called_back_at_the_first_end_is_at_the_second(database: Database):
    job_id, other = (put(database, RING, JobStatus.DEAD, batch_id="b") for _ in range(2))
    with database.write() as connection:
        outbox.arm(connection, RING, "default", [Target("https://ehr.example/hook")], job_id=job_id)
        outbox.arm(connection, RING, "default", [Target("https://ehr.example/batch")], batch_id="b")
        connection.execute(sa.update(tables.delivery).values(state="delivered"))
    for each in (job_id, other):  # the second finds the batch armed already
        with database.write() as connection:
            dead.follow_up(connection, RING, dead.replay(connection, "default", ME, job_ids=[each]))
    with database.read() as connection:
        armed = connection.execute(sa.select(tables.delivery).where(tables.delivery.c.state == "armed")).all()
    assert sorted((row.job_id or "", row.batch_id or "", outbox.address_of(row, RING)) for row in armed) == [
        ("", "b", "https://ehr.example/batch"),
        (job_id, "", "https://ehr.example/hook"),
    ]
