"""Each end that a worker writes is counted once for the version that served, in the transaction of that end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from shared import predictions, tables
from shared.case import Case, Classification
from shared.errors import BadAudioError
from shared.job import JobRequest, JobStatus, StageName
from shared.registry import ModelVersion
from tests.attempts import House, Small
from worker.stage import Desk

CLASSIFY, ASSEMBLE = StageName.CLASSIFY, StageName.ASSEMBLE
COUNTS = ("jobs", "cached", "failed", "judged", "unsure")


def judged(case: Case, _desk: Desk) -> Case:
    return replace(case, classification=Classification("other", 0.3, (("other", 0.3),), needs_review=True))


def refused(_case: Case, _desk: Desk) -> Case:
    raise BadAudioError("it cannot be decoded")


def assembled(case: Case, _desk: Desk) -> Case:
    return replace(case, bundle=json.dumps({"id": case.origin.job_id}))


def counted(home: House) -> dict[tuple[str, str], dict[str, Any]]:
    """The counters by stage and version."""
    sums = [sa.func.sum(tables.tally.c[name]).label(name) for name in COUNTS]
    query = sa.select(tables.tally.c.stage, tables.tally.c.version, *sums)
    with home.worker.database.read() as connection:
        rows = connection.execute(query.group_by(tables.tally.c.stage, tables.tally.c.version))
        return {(row.stage, row.version): {name: getattr(row, name) for name in COUNTS} for row in rows}


@pytest.fixture
def home(house) -> House:
    made: House = house({CLASSIFY: Small(judged, model=ModelVersion("mini", "bert", "7")), ASSEMBLE: Small(assembled)})
    return made


def test_a_computed_and_a_reused_answer_are_two_jobs_of_which_one_was_cached(home: House):
    for _ in range(2):
        assert home.run(home.submit(content="same")).status is JobStatus.COMPLETED
    assert counted(home) == {
        ("classify", "7"): {"jobs": 2, "cached": 1, "failed": 0, "judged": 2, "unsure": 2},
        ("assemble", "1"): {"jobs": 2, "cached": 1, "failed": 0, "judged": 0, "unsure": 0},
    }
    with home.worker.database.read() as connection:
        found = predictions.history(connection, home.worker.keyring, "default", most=9)
    assert [(each.cached, each.category, each.models["classify"]) for each in found] == [
        (True, "other", "mini@7"),
        (False, "other", "mini@7"),
    ]


def test_a_job_that_another_attempt_ended_is_not_counted_again(home: House):
    job_id = home.submit()
    small = home.worker.bench.stages[ASSEMBLE]

    def stolen(case: Case, _desk: Desk) -> Case:
        with home.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(token="another"))
        return assembled(case, _desk)

    small.act = stolen  # type: ignore[attr-defined]  # it is a Small
    home.run(job_id)
    assert counted(home) == {}


def test_an_end_without_a_result_counts_against_the_version_at_which_it_came_unless_the_job_named_it(house):
    home: House = house({CLASSIFY: Small(refused, model=ModelVersion("mini", "bert", "7")), ASSEMBLE: Small(assembled)})
    assert home.run(home.submit()).status is JobStatus.FAILED
    assert counted(home)["classify", "7"] == {"jobs": 0, "cached": 0, "failed": 1, "judged": 0, "unsure": 0}
    job_id = home.submit()
    with home.worker.database.write() as connection:
        row = home.read(job_id)
        assert row.key is not None
        key = home.worker.keyring.unwrap(row.key, "default", job_id)
        asked = JobRequest(text="Cough.", versions={CLASSIFY: "v"}).model_dump_json().encode()
        change = sa.update(tables.job).where(tables.job.c.id == job_id)
        connection.execute(change.values(payload=key.seal(asked, "payload")))
    assert home.run(job_id).status is JobStatus.FAILED
    assert counted(home)["classify", "7"]["failed"] == 1
