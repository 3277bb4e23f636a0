"""Counters by version, the history of predictions, and feedback, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from shared import blobs as stores
from shared import feedback, ledger, migrate, predictions, retention, tables, tally
from shared.audit import Actor
from shared.case import Case, Classification, Fallback, ModelUse, Origin
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.feedback import Feedback, Said
from shared.job import JobStatus, StageName
from shared.settings import Settings
from shared.tally import Done
from tests.stored import put

RING = Keyring.parse(new_master_key())
ADA = Actor("user:ada", "default")
USES = (
    ModelUse(StageName.EXTRACT, "words", "1", "bert", "a" * 64),
    ModelUse(StageName.CLASSIFY, "minilm", "2", "bert", "b" * 64),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    made = Database(url if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    migrate.upgrade(made)
    yield made
    made.close()


def case(job_id: str, *, tenant: str = "default", confidence: float = 0.9, seconds: float = 0.5) -> Case:
    origin = Origin(job_id=job_id, tenant=tenant, received_at=datetime(2026, 3, 1, tzinfo=UTC))
    judged = Classification("respiratory", confidence, (("respiratory", confidence),), needs_review=confidence < 0.5)
    timings = ((StageName.EXTRACT, seconds), (StageName.CLASSIFY, 2 * seconds))
    return Case(origin, text="Cough.", classification=judged, models=USES, timings=timings)


def finish(database: Database, *, tenant: str = "default", **how: float) -> str:
    """A completed job whose prediction is recorded as a worker does it."""
    job_id = put(database, RING, JobStatus.COMPLETED, tenant=tenant)
    with database.write() as connection:
        job = ledger.get(connection, job_id)
        assert job is not None
        assert job.key is not None
        done = case(job_id, tenant=tenant, **how)
        predictions.record(connection, [predictions.of(done, RING.unwrap(job.key, tenant, job_id))])
    return job_id


def say(database: Database, job_id: str, **said: object) -> Said | None:
    with database.write() as connection:
        job = ledger.get(connection, job_id)
        assert job is not None
        assert job.key is not None
        key = RING.unwrap(job.key, job.tenant, job.id)
        return feedback.add(connection, job, ADA, Feedback.model_validate(said), key)


def rows(database: Database, table: sa.Table) -> list[sa.Row]:
    with database.read() as connection:
        return list(connection.execute(sa.select(table)))


def counted(database: Database, stage: StageName) -> dict[str, float]:
    """The counters of a stage, over all its rows."""
    sums = [sa.func.sum(tables.tally.c[name]).label(name) for name in tally.SUMS]
    with database.read() as connection:
        row = connection.execute(sa.select(*sums).where(tables.tally.c.stage == stage.value)).one()
    return {name: float(value or 0) for name, value in row._mapping.items()}


def test_each_finished_job_adds_to_the_counters_of_the_versions_that_did_it(database: Database):
    for confidence in (0.9, 0.3, 0.6):
        finish(database, confidence=confidence)
    classify = counted(database, StageName.CLASSIFY)
    assert (classify["jobs"], classify["judged"], classify["unsure"]) == (3, 3, 1)
    assert classify["seconds"] == pytest.approx(3.0)
    assert classify["confidence"] == pytest.approx(1.8)
    assert counted(database, StageName.EXTRACT)["judged"] == 0
    assert len(rows(database, tables.tally)) == 2  # one hour, one class of time, two stages


def test_jobs_of_one_transaction_are_added_up_before_they_are_written(database: Database):
    with database.write() as connection:
        tally.add(connection, [Done("t", StageName.EXTRACT, "m", "1", pace=3, jobs=1, seconds=0.5)] * 40)
        tally.add(connection, [Done("t", StageName.EXTRACT, "m", "1", pace=3, failed=1)])
        tally.add(connection, [])
    (row,) = rows(database, tables.tally)
    assert (row.jobs, row.seconds, row.failed) == (40, 20.0, 1)


def test_the_hours_of_an_old_day_become_one_row_and_no_count_is_lost(database: Database):
    times = (tally.pace(0.1), tally.pace(3.0))
    with database.write() as connection:
        for age in range(40, 90):
            tally.add(connection, [Done("t", StageName.EXTRACT, "m", "1", pace=each, jobs=1) for each in times])
            fresh = tables.tally.c.hour > sa.select(tally.HOUR - 1).scalar_subquery()
            connection.execute(sa.update(tables.tally).where(fresh).values(hour=tables.tally.c.hour - age))
        tally.add(connection, [Done("t", StageName.EXTRACT, "m", "1", pace=times[0], jobs=1)])
    with database.write() as connection:
        assert tally.fold(connection, older_h=30) > 90
        assert tally.fold(connection, older_h=30) == 0
    kept = rows(database, tables.tally)
    assert sum(each.jobs for each in kept) == 101
    assert len({each.hour for each in kept}) in {4, 5}
    assert {each.pace for each in kept} == set(times)


def test_a_time_lies_within_its_class(database: Database):
    for seconds in (0.00001, 0.0031, 0.5, 1.0, 1.01, 3600.0):
        bound = tally.upper_s(tally.pace(seconds))
        assert bound / tally.CLASS_RATIO <= max(seconds, tally.SHORTEST_S) <= bound * 1.000001


def test_a_cached_answer_and_one_of_the_rules_are_counted_as_such(database: Database):
    plain = case("j")
    reused = replace(plain, origin=replace(plain.origin, reused=True), timings=())
    assert {(each.cached, each.pace, each.seconds) for each in predictions.counted(reused)} == {(1, tally.UNTIMED, 0.0)}
    assert len(list(predictions.counted(replace(plain, models=(USES[0], *USES))))) == 2
    fell = replace(plain, degraded=(Fallback(StageName.CLASSIFY, "rules", "gone"),))
    assert [each.degraded for each in predictions.counted(fell)] == [0, 1]


def test_the_history_is_the_tenants_own_newest_first_and_in_pages(database: Database):
    ids = [finish(database) for _ in range(5)]
    finish(database, tenant="other")
    with database.read() as connection:
        first = predictions.history(connection, RING, "default", most=3)
        rest = predictions.history(connection, RING, "default", most=3, after=first[-1].place)
    assert [each.job_id for each in (*first, *rest)] == ids[::-1]
    assert first[0].category == "respiratory"
    assert first[0].models == {"extract": "words@1", "classify": "minilm@2"}


def test_the_history_of_one_model_is_found_by_its_whole_name(database: Database):
    finish(database)
    asked = {"minilm": 1, "minilm@2": 1, "minilm@1": 0, "mini": 0, "%": 0, "words@1": 1, "ords": 0}
    with database.read() as connection:
        found = {each: len(predictions.history(connection, RING, "default", most=9, model=each)) for each in asked}
    assert found == asked


def test_no_category_stands_in_the_table_in_clear(database: Database):
    finish(database)
    (row,) = rows(database, tables.prediction)
    assert b"respiratory" not in row.category
    assert "respiratory" not in str(row._mapping)


def test_feedback_is_sealed_counted_for_the_version_and_audited(database: Database):
    job_id = finish(database)
    assert say(database, job_id, target="category", correct="digestive", comment="ZQXCANARY") is not None
    say(database, job_id, target="category", helpful=True)
    say(database, job_id, target="category", rating=3)
    found = counted(database, StageName.CLASSIFY)
    assert (found["agreed"], found["disagreed"]) == (1, 1)
    assert counted(database, StageName.EXTRACT)["agreed"] == 0
    stored = rows(database, tables.feedback)
    assert len(stored) == 3
    assert not any(b"ZQXCANARY" in each.content or b"digestive" in each.content for each in stored)
    acts = [each for each in rows(database, tables.audit) if each.action == "feedback_given"]
    assert [(each.actor, each.outcome) for each in acts] == [("user:ada", "category")] * 3


def test_what_is_purged_or_expires_takes_feedback_and_history_along_and_leaves_the_counters(
    database: Database, tmp_path: Path
):
    purged, old = finish(database), finish(database)
    for job_id in (purged, old):
        say(database, job_id, helpful=False)
    with database.write() as connection:
        ledger.purge_all(connection, [purged], ADA)
        connection.execute(sa.update(tables.job).where(tables.job.c.id == old).values(finished_at=1.0))
    assert [each.job_id for each in rows(database, tables.feedback)] == [old]
    assert [each.job_id for each in rows(database, tables.prediction)] == [old]
    retention.expire(
        database, stores.connect((tmp_path / "blobs").as_uri()), Settings(retention_result_h=5.0), name="r"
    )
    assert rows(database, tables.feedback) == rows(database, tables.prediction) == []
    assert counted(database, StageName.CLASSIFY)["disagreed"] == 2
    young = finish(database)
    assert say(database, young, rating=1) is not None
    with database.write() as connection:
        gone = ledger.get(connection, young)
        assert gone is not None
        assert gone.key is not None
        key = RING.unwrap(gone.key, gone.tenant, gone.id)
        ledger.purge_all(connection, [young], ADA)
        assert feedback.add(connection, gone, ADA, Feedback(helpful=True), key) is None


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"rating": 6},
        {"target": "fact", "helpful": True},
        {"target": "fact", "item": 3, "helpful": True},
        {"target": "category", "item": 1, "helpful": True},
        {"correct": "digestive"},
    ],
)
def test_feedback_that_says_nothing_or_does_not_fit_is_refused(said: dict[str, object]):
    with pytest.raises(ValidationError):
        Feedback.model_validate(said)
