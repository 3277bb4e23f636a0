"""The reaper's loop over a real ledger and a small Redis: what is lost comes back, and outages are waited out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import uuid_utils
from fakeredis import FakeRedis, FakeServer

from shared import ledger, migrate, reaping, tables
from shared.broker import EVENTS, Broker, Event
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import JobStatus, Priority, StageName
from shared.ledger import NewJob
from shared.settings import Settings
from tests import hand

RING = Keyring.parse(new_master_key())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, resend_after_s=0.0, backoff_s=0.0, reap_every_s=0.5)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = Database(settings.database, pool_size=2)
    migrate.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def broker(server: FakeServer) -> Broker:
    return Broker(FakeRedis(server=server), queue="clinq", timeout_s=60.0)


def submit(database: Database) -> str:
    job_id = str(uuid_utils.uuid7())
    wrapped, key = RING.new("default", job_id)
    new = NewJob(
        id=job_id,
        tenant="default",
        priority=Priority.DEFAULT,
        source="text",
        size=1.0,
        stages=(StageName.EXTRACT,),
        key=wrapped,
        payload=key.seal(b"{}", "payload"),
        body_hash="0" * 64,
        max_attempts=2,
    )
    with database.write() as connection:
        return ledger.add(connection, new)


def claim(database: Database, job_id: str, *, lease_s: float) -> None:
    with database.write() as connection:
        assert hand.claim(connection, job_id, worker="a", lease_s=lease_s) is not None


def rounds(count: int) -> tuple[Callable[[float], bool], list[float]]:
    """A wait that lets the loop go round so often, and the pauses it was asked for."""
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) > count

    return wait, pauses


def test_a_job_that_redis_lost_is_sent_again_once(database: Database, broker: Broker, settings: Settings) -> None:
    job_id = submit(database)
    assert broker.waiting() == set()
    wait, _ = rounds(3)
    reaping.wake(database, broker, settings, wait)
    assert broker.redis.lrange("rq:queue:clinq", 0, -1) == [job_id.encode()]


def test_the_job_of_a_dead_worker_waits_again_and_is_told(
    database: Database, broker: Broker, settings: Settings
) -> None:
    job_id = submit(database)
    claim(database, job_id, lease_s=-1.0)
    wait, _ = rounds(1)
    reaping.reap(database, broker, settings, name="me", wait=wait)
    wait, _ = rounds(1)
    reaping.wake(database, broker, settings, wait)
    assert broker.waiting() == {job_id}
    [(_, fields)] = broker.redis.xrange(EVENTS)
    event = Event.read(fields)
    assert (event.job_id, event.status, event.type) == (job_id, JobStatus.QUEUED, "queued")


def test_the_job_of_a_worker_that_lives_is_left_alone(database: Database, broker: Broker, settings: Settings) -> None:
    job_id = submit(database)
    claim(database, job_id, lease_s=60.0)
    wait, _ = rounds(2)
    reaping.reap(database, broker, settings, name="me", wait=wait)
    wait, _ = rounds(2)
    reaping.wake(database, broker, settings, wait)
    assert broker.waiting() == set()
    with database.read() as connection:
        job = ledger.get(connection, job_id)
    assert job is not None
    assert job.status is JobStatus.RUNNING


def test_a_job_whose_last_worker_died_is_dead_and_told(database: Database, broker: Broker, settings: Settings) -> None:
    job_id = submit(database)
    for _ in range(2):
        claim(database, job_id, lease_s=-1.0)
        reaping.take_back(database, broker, settings, name="me")
    told = [Event.read(fields).status for _, fields in broker.redis.xrange(EVENTS)]
    assert told == [JobStatus.QUEUED, JobStatus.DEAD]


def test_while_redis_is_away_the_pause_grows_and_nothing_counts_as_sent(
    database: Database, broker: Broker, settings: Settings, server: FakeServer
) -> None:
    job_id = submit(database)
    server.connected = False
    wait, pauses = rounds(5)
    reaping.wake(database, broker, settings, wait)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    server.connected = True
    wait, pauses = rounds(2)
    reaping.wake(database, broker, settings, wait)
    assert pauses == [0.5, 0.5, 0.5]
    assert broker.waiting() == {job_id}


def test_a_database_that_is_away_is_waited_for(broker: Broker, settings: Settings, tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'not-migrated.db'}", pool_size=1)
    wait, pauses = rounds(2)
    reaping.reap(empty, broker, settings, name="me", wait=wait)
    empty.close()
    assert pauses == [0.5, 1.0, 2.0]


def test_old_idempotency_keys_are_let_go(database: Database, broker: Broker, settings: Settings) -> None:
    job_id = submit(database)
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(idempotency_key="again", created_at=0.0))
    wait, _ = rounds(1)
    reaping.reap(database, broker, settings, name="me", wait=wait)
    with database.read() as connection:
        row = connection.execute(sa.select(tables.job.c.id, tables.job.c.idempotency_key)).one()
    assert tuple(row) == (job_id, None)
