"""Wake-ups: one of them brings all waiting rows to their end, and a worker that is told to stop leaves none behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from shared import speed, tables
from shared.case import Case
from shared.job import JobStatus, StageName
from shared.speed import Measured
from tests.attempts import House, Small
from worker import attempt
from worker.stage import Desk

EXTRACT, SUMMARIZE = StageName.EXTRACT, StageName.SUMMARIZE


@pytest.fixture
def stage() -> Small:
    return Small(batch=8)


@pytest.fixture
def home(house, stage: Small) -> House:
    made: House = house({EXTRACT: stage, SUMMARIZE: Small()})
    return made


def short_jobs(home: House) -> None:
    """Let the worker know that its jobs are short enough to be taken together."""
    with home.worker.database.write() as connection:
        speed.learn_all(connection, [Measured("text", 1000.0, {"extract": 0.001, "summarize": 0.001})])


def statuses(home: House) -> list[str]:
    with home.worker.database.read() as connection:
        return list(connection.execute(sa.select(tables.job.c.status)).scalars())


def test_one_wake_up_brings_all_that_waits_to_its_end_and_takes_the_other_wake_ups_out(home: House):
    ids = [home.submit() for _ in range(5)]
    home.worker.broker.enqueue(ids[1:])
    attempt.drain(home.worker, ids[0])
    assert statuses(home) == ["completed"] * 5
    assert home.worker.broker.waiting() == set()
    assert home.worker.broker.redis.keys("rq:job:*") == []


def test_short_jobs_go_through_a_stage_together_and_end_each_by_itself(home: House, stage: Small):
    short_jobs(home)
    ids = [home.submit() for _ in range(5)]
    attempt.drain(home.worker, ids[0])
    assert stage.runs == 1
    assert statuses(home) == ["completed"] * 5
    ends = [event.job_id for event in home.events() if event.status is JobStatus.COMPLETED]
    assert sorted(ends) == sorted(ids)


def test_one_bad_job_in_a_round_does_not_hurt_the_others(home: House, stage: Small):
    short_jobs(home)
    ids = [home.submit() for _ in range(4)]
    bad = ids[2]

    def refuse_one(case: Case, _desk: Desk) -> Case:
        if case.origin.job_id == bad:
            raise ValueError("no")
        return case

    stage.act = refuse_one
    attempt.drain(home.worker, ids[0])
    assert home.read(bad).status is JobStatus.QUEUED
    assert sorted(statuses(home)) == ["completed", "completed", "completed", "queued"]


def test_a_job_cancelled_in_a_round_ends_alone(home: House, stage: Small):
    short_jobs(home)
    ids = [home.submit() for _ in range(3)]

    def cancel_one(case: Case, _desk: Desk) -> Case:
        with home.worker.database.write() as connection:
            mine = tables.job.c.id == ids[1]
            connection.execute(sa.update(tables.job).where(mine).values(status="cancelled", token=None))
        return case

    stage.act = cancel_one
    attempt.drain(home.worker, ids[0])
    assert sorted(statuses(home)) == ["cancelled", "completed", "completed"]


def test_a_worker_told_to_stop_ends_the_job_in_hand_and_wakes_another_for_the_rest(home: House, stage: Small):
    ids = [home.submit() for _ in range(3)]

    def stop(case: Case, _desk: Desk) -> Case:
        home.worker.stopping.ask()
        return case

    stage.act = stop
    attempt.drain(home.worker, ids[0])
    assert sorted(statuses(home)) == ["completed", "queued", "queued"]
    assert home.worker.broker.waiting() <= set(ids[1:])
    assert len(home.worker.broker.waiting()) == 1


def test_work_that_does_not_fit_into_the_grace_period_is_handed_back_behind_its_checkpoint(home: House, stage: Small):
    with home.worker.database.write() as connection:
        speed.learn_all(connection, [Measured("text", 1.0, {"extract": 0.001, "summarize": 100.0})])

    def stop(case: Case, _desk: Desk) -> Case:
        home.worker.stopping.ask()
        return case

    stage.act = stop
    job_id = home.submit()
    attempt.drain(home.worker, job_id)
    job = home.read(job_id)
    assert (job.status, job.remaining, job.attempt) == (JobStatus.QUEUED, (SUMMARIZE,), 0)


def test_a_stage_in_mid_run_is_handed_back_when_the_grace_period_ends(home: House, stage: Small):
    home.worker = replace(home.worker, settings=home.worker.settings.model_copy(update={"grace_s": 0.0}))

    def stop(case: Case, desk: Desk) -> Case:
        home.worker.stopping.ask()
        desk.tell(case, 0.5)
        raise AssertionError("the desk did not say that the process ends")

    stage.act = stop
    job_id = home.submit()
    attempt.drain(home.worker, job_id)
    assert (home.read(job_id).status, home.read(job_id).attempt) == (JobStatus.QUEUED, 0)
