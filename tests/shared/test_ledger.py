"""The ledger on SQLite and on PostgreSQL: one owner, one result, nothing lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
import uuid_utils

from shared import holding, ledger, migrate, reaper, tables
from shared.audit import Actor
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import JobStatus, Priority, Reason, StageName
from shared.ledger import Job, NewJob
from tests import hand

RING = Keyring.parse(new_master_key())
ME = Actor("worker:me", "default")
AT_ONCE = reaper.Patience(0.0, 0.0, {})
STAGES = (StageName.EXTRACT, StageName.ASSEMBLE)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Database(url)
    migrate.upgrade(made)
    yield made
    made.close()


def submit(database: Database, *, key: str | None = None, attempts: int = 3, tenant: str = "default") -> str:
    job_id = str(uuid_utils.uuid7())
    wrapped, job_key = RING.new(tenant, job_id)
    new = NewJob(
        id=job_id,
        tenant=tenant,
        priority=Priority.DEFAULT,
        source="text",
        size=10.0,
        stages=STAGES,
        key=wrapped,
        payload=job_key.seal(b"{}", "payload"),
        body_hash="0" * 64,
        max_attempts=attempts,
        idempotency_key=key,
    )
    with database.write() as connection:
        return ledger.add(connection, new)


def claim(database: Database, job_id: str, *, lease_s: float = 9.0) -> Job | None:
    with database.write() as connection:
        return hand.claim(connection, job_id, worker="me", lease_s=lease_s)


def finish(database: Database, job: Job) -> bool:
    with database.write() as connection:
        return hand.finish(connection, job, ME, status=JobStatus.COMPLETED, result=b"sealed")


def read(database: Database, job_id: str) -> Job:
    with database.read() as connection:
        job = ledger.get(connection, job_id, sealed=ledger.SEALED)
    assert job is not None
    return job


def actions(database: Database, job_id: str) -> list[str]:
    query = sa.select(tables.audit.c.action).where(tables.audit.c.job_id == job_id).order_by(tables.audit.c.id)
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def test_a_job_is_claimed_once_however_many_ask(database: Database):
    job_id = submit(database)
    with ThreadPoolExecutor(8) as pool:
        claimed = [job for job in pool.map(lambda _: claim(database, job_id), range(16)) if job is not None]
    assert len(claimed) == 1
    assert claimed[0].attempt == 1


def test_a_claim_carries_what_the_worker_needs(database: Database):
    job = claim(database, submit(database))
    assert job is not None
    assert job.remaining == STAGES
    assert job.unseal("payload", RING) == b"{}"
    assert job.unseal("result", RING) is None


def test_the_result_of_a_fenced_worker_is_discarded(database: Database):
    job_id = submit(database)
    slow = claim(database, job_id, lease_s=-1.0)
    assert slow is not None
    assert [freed.status for freed in reaper.take_back(database, "r", AT_ONCE)] == ["queued"]
    quick = claim(database, job_id)
    assert quick is not None
    assert finish(database, quick)
    assert not finish(database, slow)
    assert read(database, job_id).status is JobStatus.COMPLETED
    assert actions(database, job_id) == ["lease_lost", "result_written", "result_discarded_fenced"]


def test_a_worker_that_freezes_in_mid_transaction_does_not_stop_the_reaper(postgres_url: str):
    made = Database(postgres_url)
    migrate.upgrade(made)
    frozen, other = submit(made), submit(made)
    for job_id in (frozen, other):
        assert claim(made, job_id, lease_s=-1.0) is not None
    with made.write() as connection:
        connection.execute(sa.update(tables.job).where(tables.job.c.id == frozen).values(progress=0.5))
        with ThreadPoolExecutor(1) as pool:
            freed = pool.submit(reaper.take_back, made, "r", AT_ONCE).result(timeout=10.0)
        assert [each.id for each in freed] == [other]
    made.close()


def test_a_transaction_that_stands_still_gives_up_its_locks(postgres_url: str):
    made = Database(postgres_url)
    with made.read() as connection:
        allowed = connection.execute(sa.text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    made.close()
    assert allowed == "9s"


def test_a_beat_of_a_lost_job_says_so(database: Database):
    job_id = submit(database)
    lost = claim(database, job_id, lease_s=-1.0)
    assert lost is not None
    reaper.take_back(database, "r", AT_ONCE)
    with database.write() as connection:
        assert not hand.beat(connection, job_id, lost.token or "", lease_s=9.0)


def test_a_job_whose_workers_die_is_dead_after_exactly_its_attempts(database: Database):
    job_id = submit(database, attempts=3)
    for _ in range(3):
        assert claim(database, job_id, lease_s=-1.0) is not None
        reaper.take_back(database, "r", AT_ONCE)
    dead = read(database, job_id)
    assert dead.status is JobStatus.DEAD
    assert dead.attempt == 3
    assert dead.reason == reaper.LOST
    assert claim(database, job_id) is None


def test_a_failed_attempt_waits_its_pause_and_the_last_one_ends_the_job(database: Database):
    job_id = submit(database, attempts=2)
    first = claim(database, job_id)
    assert first is not None
    why = Reason("backing_service_unavailable", "the model server did not answer")
    with database.write() as connection:
        assert holding.retry(connection, first, ME, reason=why, pause_s=60.0, last=False) is JobStatus.QUEUED
    assert claim(database, job_id) is None
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(not_before=0.0))
    second = claim(database, job_id)
    assert second is not None
    with database.write() as connection:
        assert holding.retry(connection, second, ME, reason=why, pause_s=60.0, last=True) is JobStatus.DEAD
    assert read(database, job_id).reason == why


def test_a_saved_stage_is_not_among_those_of_the_next_attempt(database: Database):
    job_id = submit(database)
    job = claim(database, job_id, lease_s=-1.0)
    assert job is not None
    with database.write() as connection:
        assert hand.save(connection, job_id, job.token or "", case_file=b"case", remaining=STAGES[1:])
    reaper.take_back(database, "r", AT_ONCE)
    again = claim(database, job_id)
    assert again is not None
    assert again.remaining == (StageName.ASSEMBLE,)
    assert again.sealed["case_file"] == b"case"


def test_a_cancelled_job_is_never_finished(database: Database):
    job_id = submit(database)
    job = claim(database, job_id)
    assert job is not None
    with database.write() as connection:
        assert ledger.cancel(connection, job, ME)
        assert not ledger.cancel(connection, job, ME)
    assert not finish(database, job)
    assert read(database, job_id).status is JobStatus.CANCELLED


def test_a_purged_job_keeps_its_row_and_nothing_sealed(database: Database):
    job_id = submit(database)
    with database.write() as connection:
        assert ledger.purge(connection, read(database, job_id), ME)
    gone = read(database, job_id)
    assert gone.sealed == {}
    assert gone.key is None
    assert gone.purged_at is not None


def test_the_same_idempotency_key_gives_the_same_job_under_contention(database: Database):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: submit(database, key="visit-7"), range(50)))
    assert len(ids) == 1
    assert submit(database, key="visit-7", tenant="another") not in ids


def test_a_waiting_job_is_due_again_only_when_redis_lost_it_for_a_while(database: Database):
    job_id = submit(database)
    assert reaper.unsent(database, resend_after_s=60.0) == []
    assert reaper.unsent(database, resend_after_s=-1.0) == [job_id]
    reaper.mark_sent(database, [job_id])
    assert reaper.unsent(database, resend_after_s=60.0) == []


def test_another_tenants_job_does_not_exist(database: Database):
    job_id = submit(database)
    with database.read() as connection:
        assert ledger.get(connection, job_id, tenant="another") is None


def test_an_old_idempotency_key_is_forgotten(database: Database):
    first = submit(database, key="visit-8")
    reaper.forget_keys(database, hours=-1.0)
    assert submit(database, key="visit-8") != first
