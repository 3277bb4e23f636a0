"""Reviews live as long as what they are about, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared import blobs as stores
from shared import ledger, migrate, retention, tables
from shared.audit import Actor
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.errors import DecryptionError, TooManyReviewsError
from shared.job import JobStatus
from shared.review import records
from shared.review.asked import Review
from shared.review.records import Stored
from shared.settings import Settings
from tests.stored import acts, put

RING = Keyring.parse(new_master_key())
ADA = Actor("user:ada", "default")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    made = Database(url if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    migrate.upgrade(made)
    yield made
    made.close()


def add(database: Database, job_id: str, **said: object) -> Stored | None:
    with database.write() as connection:
        job = ledger.get(connection, job_id)
        assert job is not None
        assert job.key is not None
        key = RING.unwrap(job.key, job.tenant, job.id)
        return records.add(connection, job, ADA, Review.model_validate(said), key)


def read(database: Database, job_id: str, ring: Keyring = RING) -> list[Stored]:
    with database.read() as connection:
        job = ledger.get(connection, job_id)
        rows = records.sealed(connection, job_id)
    assert job is not None
    assert job.key is not None
    return records.opened(rows, ring.unwrap(job.key, job.tenant, job.id))


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tables.review)).scalar_one())


def test_what_was_said_comes_back_in_its_order(database: Database):
    job_id = put(database, RING, JobStatus.COMPLETED)
    said = [add(database, job_id, action="reject", facts=["m1"]), add(database, job_id, action="confirm", note="ok")]
    assert read(database, job_id) == said
    assert acts(database, job_id) == ["reviewed", "reviewed"]


def test_a_result_takes_so_many_reviews_and_no_more(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(records, "MOST", 1)
    job_id, other = put(database, RING, JobStatus.COMPLETED), put(database, RING, JobStatus.COMPLETED)
    add(database, job_id, action="confirm")
    with pytest.raises(TooManyReviewsError):
        add(database, job_id, action="reject")
    assert (count(database), acts(database, job_id)) == (1, ["reviewed"])
    assert add(database, other, action="confirm") is not None


@pytest.mark.parametrize("status", [each for each in JobStatus if each is not JobStatus.COMPLETED])
def test_only_a_completed_job_takes_a_review(database: Database, status: JobStatus):
    job_id = put(database, RING, status)
    assert add(database, job_id, action="confirm") is None
    assert (count(database), acts(database, job_id)) == (0, [])


def test_a_review_opens_in_its_own_place_only(database: Database):
    job_id = put(database, RING, JobStatus.COMPLETED)
    add(database, job_id, action="confirm", note="ok")
    with database.write() as connection:
        connection.execute(sa.update(tables.review).values(id="0" * 36))
    with pytest.raises(DecryptionError):
        read(database, job_id)


def test_what_is_purged_or_expires_takes_its_reviews_along_and_no_others(database: Database, tmp_path: Path):
    purged = put(database, RING, JobStatus.COMPLETED)
    old = put(database, RING, JobStatus.COMPLETED, hours_ago=9.0)
    young = put(database, RING, JobStatus.COMPLETED)
    for job_id in (purged, old, young):
        add(database, job_id, action="confirm")
    with database.write() as connection:
        ledger.purge_all(connection, [purged], ADA)
    blobs = stores.connect((tmp_path / "blobs").as_uri())
    retention.expire(database, blobs, Settings(retention_payload_h=1.5), name="r")
    assert count(database) == 2  # a payload's end is not the result's
    retention.expire(database, blobs, Settings(retention_result_h=5.0), name="r")
    assert count(database) == 1
    assert len(read(database, young)) == 1


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database):
    with database.read() as connection:
        found = sa.inspect(connection)
        columns = {
            each.name: {c["name"] for c in found.get_columns(each.name)} for each in tables.metadata.sorted_tables
        }
    assert columns == {each.name: {c.name for c in each.columns} for each in tables.metadata.sorted_tables}
