"""Batches: long jobs go through a worker's models together, told of one by one, and hurt each other in no way."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared import ledger, speed, tables
from shared.audit import Actor
from shared.case import Case
from shared.job import JobStatus, StageName
from shared.ledger import Job
from shared.registry import ModelVersion
from shared.speed import Measured
from tests.attempts import House, Small
from worker import attempt
from worker.stage import Desk

EXTRACT, SUMMARIZE = StageName.EXTRACT, StageName.SUMMARIZE
MODEL = ModelVersion("small", "test", path=Path("small"))


@dataclass
class Writing(Small):
    """A stage whose model gains by batches; it notes who was in each call."""

    def __post_init__(self) -> None:
        self.calls: list[list[str]] = []

    def run(self, cases, desk: Desk):
        self.calls.append([case.origin.job_id for case in cases])
        return super().run(cases, desk)


@pytest.fixture
def stage() -> Writing:
    return Writing(batch=8, model=MODEL)


@pytest.fixture
def home(house, stage: Writing) -> House:
    made: House = house({EXTRACT: Small(), SUMMARIZE: stage})
    with made.worker.database.write() as connection:  # a job of 33 characters takes one second
        speed.learn_all(connection, [Measured("text", 33.0, {"extract": 0.1, "summarize": 0.9})])
    return made


def with_settings(home: House, **changes: float) -> House:
    home.worker = replace(home.worker, settings=home.worker.settings.model_copy(update=changes))
    return home


def statuses(home: House) -> list[str]:
    with home.worker.database.read() as connection:
        return list(connection.execute(sa.select(tables.job.c.status)).scalars())


def test_long_jobs_go_through_a_model_together_and_each_stage_is_told_of_each(home: House, stage: Writing):
    ids = [home.submit() for _ in range(5)]
    attempt.drain(home.worker, ids[0])
    assert stage.calls == [ids]
    assert statuses(home) == ["completed"] * 5
    told = {(event.job_id, event.stage) for event in home.events() if event.type == "stage"}
    assert told == {(each, name) for each in ids for name in (EXTRACT, SUMMARIZE)}


def test_no_batch_is_longer_than_the_settings_say(home: House, stage: Writing):
    ids = [home.submit() for _ in range(7)]
    attempt.drain(with_settings(home, batch_rows=3).worker, ids[0])
    assert stage.calls == [ids[:3], ids[3:6], ids[6:]]
    stage.calls.clear()
    more = [home.submit() for _ in range(4)]
    with home.worker.database.write() as connection:
        connection.execute(sa.delete(tables.speed))
        speed.learn_all(connection, [Measured("text", 33.0, {"extract": 0.1, "summarize": 0.9})])
    assert attempt.claim_and_run(with_settings(home, batch_rows=8, batch_s=2.5).worker, more[0])
    assert stage.calls == [more[:2]]


def test_rules_gain_nothing_and_are_not_kept_waiting_for_a_batch(house):
    stage = Writing(batch=8)
    home: House = house({EXTRACT: Small(), SUMMARIZE: stage})
    with home.worker.database.write() as connection:
        speed.learn_all(connection, [Measured("text", 33.0, {"extract": 0.1, "summarize": 0.9})])
    ids = [home.submit() for _ in range(3)]
    attempt.drain(home.worker, ids[0])
    assert stage.calls == [[each] for each in ids]


def test_a_cancel_of_one_job_of_a_batch_costs_the_others_nothing(home: House, stage: Writing):
    ids = [home.submit() for _ in range(3)]

    def cancel_the_second(case: Case, desk: Desk) -> Case:
        if case.origin.job_id == ids[0]:
            with home.worker.database.write() as connection:
                job = ledger.get(connection, ids[1])
                assert isinstance(job, Job)
                ledger.cancel(connection, job, Actor("me", "default"))
            home.worker.heart.lose(ids[1])
        desk.listen()
        desk.tell(case, 0.5)
        return case

    stage.act = cancel_the_second
    attempt.drain(home.worker, ids[0])
    assert stage.calls == [ids]  # one call: nothing was begun again
    assert statuses(home) == [JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.COMPLETED]


def test_a_batch_that_is_cancelled_as_a_whole_stops_at_once(home: House, stage: Writing):
    ids = [home.submit() for _ in range(3)]
    went_on = []

    def lose_all(case: Case, desk: Desk) -> Case:
        for each in ids:
            home.worker.heart.lose(each)
        desk.tell(case, 0.5)
        went_on.append(case)
        return case

    stage.act = lose_all
    attempt.claim_and_run(home.worker, ids[0])
    assert went_on == []


def test_a_stage_that_was_finished_before_a_kill_is_not_begun_again_for_any_job_of_the_batch(home: House, stage):
    ids = [home.submit() for _ in range(3)]
    first = home.worker.bench.stages[EXTRACT]

    def dies(_case: Case, _desk: Desk) -> Case:
        raise SystemExit(1)

    stage.act = dies
    with pytest.raises(SystemExit):
        attempt.claim_and_run(home.worker, ids[0])
    assert first.runs == 3
    stage.act = lambda case, _desk: case
    with home.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).values(status="queued", token=None, lease=None))
    attempt.drain(home.worker, ids[0])
    assert first.runs == 3
    assert statuses(home) == ["completed"] * 3


def test_a_worker_waits_for_company_only_where_that_is_wished_and_no_longer(home: House, stage: Writing):
    job_id = home.submit()
    began = time.monotonic()
    attempt.claim_and_run(with_settings(home, batch_wait_ms=300.0).worker, job_id)
    waited = time.monotonic() - began
    ids = [home.submit() for _ in range(2)]
    began = time.monotonic()
    attempt.claim_and_run(with_settings(home, batch_wait_ms=300_000.0, batch_rows=2).worker, ids[0])
    assert waited >= 0.3  # alone, it gave the others their time
    assert time.monotonic() - began < 100.0  # the batch was full: nothing to wait for
    assert stage.calls == [[job_id], ids]
