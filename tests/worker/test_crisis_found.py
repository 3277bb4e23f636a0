"""A worker tells a crisis as soon as a stage has found it, once, whatever becomes of the stages behind it."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from shared import speed, tables
from shared.case import Case, RedFlag, Span
from shared.errors import BackingServiceError
from shared.job import JobStatus, StageName
from shared.registry import ModelVersion
from tests.attempts import House, Small
from tests.conftest import RecordingDesk
from worker.clinical.redflags import red_flags
from worker.stage import Desk, Device, load

DANGER = "I have been thinking about killing myself."
FLAG = RedFlag("suicide-risk", "Thoughts of suicide.", "emergency", "a guideline", (Span(0, 6),), crisis=True)


def finds(case: Case, _desk: Desk) -> Case:
    return replace(case, red_flags=(FLAG,))


def told(home: House) -> list[str]:
    return [event.type for event in home.events()]


def marks(home: House) -> list[str]:
    query = sa.select(tables.audit.c.job_id).where(tables.audit.c.action == "crisis_raised")
    with home.worker.database.read() as connection:
        return list(connection.execute(query).scalars())


def test_it_is_told_when_its_stage_is_over_and_not_at_the_end(house):
    seen: list[list[str]] = []

    def looks(case: Case, _desk: Desk) -> Case:
        seen.append(told(home))
        return case

    home = house({StageName.EXTRACT: Small(finds), StageName.SUMMARIZE: Small(looks)})
    job = home.run(home.submit(DANGER))
    assert "crisis" in seen[0]
    assert told(home).count("crisis") == 1
    assert told(home)[-1] == "completed"
    assert job.crisis_at is not None


def test_it_is_told_once_whatever_is_tried_again(house):
    broken = [BackingServiceError("away"), BackingServiceError("away")]

    def fails_twice(case: Case, _desk: Desk) -> Case:
        if broken:
            raise broken.pop()
        return case

    home = house({StageName.EXTRACT: Small(finds), StageName.SUMMARIZE: Small(fails_twice)})
    job_id = home.submit(DANGER)
    for _ in range(3):
        home.due_now()
        job = home.run(job_id)
    assert job.status is JobStatus.COMPLETED
    assert told(home).count("crisis") == 1
    assert marks(home) == [job_id]


def test_what_the_last_stage_finds_is_told_with_the_end(house):
    home = house({StageName.RECOMMEND: Small(finds)})
    job = home.run(home.submit(DANGER))
    assert told(home)[-2:] == ["crisis", "completed"]
    assert job.crisis_at is not None


def test_jobs_of_one_claim_are_told_each_for_itself(house):
    stage = Small(finds, batch=8)
    home = house({StageName.EXTRACT: stage})
    short = speed.Measured("text", 1000.0, {"extract": 0.001})
    with home.worker.database.write() as connection:
        speed.learn_all(connection, [short])  # jobs are taken together only where they are short
    jobs = [home.submit(f"{DANGER} {number}") for number in range(3)]
    home.run(jobs[0])
    assert stage.runs == 1
    assert sorted(marks(home)) == sorted(jobs)
    assert told(home).count("crisis") == 3


def test_a_job_without_one_says_so(house):
    home = house({StageName.EXTRACT: Small()})
    job = home.run(home.submit())
    assert job.crisis_at is None
    assert "crisis" not in told(home)


def test_extract_finds_it_and_recommend_puts_it_first(case_of):
    rules = ModelVersion("rules", "rules")
    case = case_of(f"Patient: My chest hurts and I am sweating. {DANGER}\nDoctor: I see.", language="en")
    desk = RecordingDesk()
    [read] = load(StageName.EXTRACT, rules, Device()).run([case], desk)
    assert read.crisis
    assert read.red_flags == red_flags(read)
    [advised] = load(StageName.RECOMMEND, rules, Device()).run([read], desk)
    assert advised.red_flags == read.red_flags
    assert advised.recommendations[0].kind == "red_flag"
    assert advised.recommendations[0].text == next(flag.text for flag in read.red_flags if flag.crisis)
