"""A shadow runs behind finished jobs, is compared and serves nobody; it gives way to jobs that wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from shared import case as cases
from shared import comparisons, tables
from shared.case import Case, Classification
from shared.errors import JobStoppedError
from shared.job import JobStatus, StageName
from shared.ledger import Job
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.attempts import House, Small
from worker.shadow import GiveWay
from worker.stage import Desk

CLASSIFY = StageName.CLASSIFY
Furnish = Callable[..., House]


def says(category: str, name: str = "small", version_id: str | None = None) -> Small:
    judged = Classification(category, 0.9, ((category, 0.9),), needs_review=False)
    model = ModelVersion(name, "test", id=version_id)
    return Small(lambda case, _desk: replace(case, classification=judged), model=model)


def stored(made: House, job: Job) -> Case:
    document = job.unseal("case_file", made.worker.keyring)
    assert document is not None
    return cases.from_json(document)


@pytest.mark.parametrize(("category", "agreement"), [("other", 1.0), ("respiratory", 0.0)])
def test_a_shadow_is_compared_and_serves_nobody(house: Furnish, category: str, agreement: float):
    made = house({CLASSIFY: says("other")})
    made.worker.bench.shadows[CLASSIFY] = says(category, "new", "v2")
    job = made.run(made.submit())
    case = stored(made, job)
    assert (job.status, case.classification and case.classification.category) == (JobStatus.COMPLETED, "other")
    assert [each.name for each in case.models] == ["small"]
    with made.worker.database.read() as connection:
        told = comparisons.beside(connection, "v2")
        [row] = connection.execute(sa.select(tables.model_comparison)).all()
    assert (told.jobs, told.failed, told.agreement) == (1, 0, agreement)
    assert (row.job_id, row.served_id) == (job.id, None)


def test_a_shadow_that_fails_hurts_no_job_and_is_noted(house: Furnish):
    def fail(_case: Case, _desk: Desk) -> Case:
        raise ValueError("what it read must not be told")

    made = house({CLASSIFY: says("other")})
    made.worker.bench.shadows[CLASSIFY] = Small(fail, model=ModelVersion("new", "test", id="v2"))
    assert made.run(made.submit()).status is JobStatus.COMPLETED
    with made.worker.database.read() as connection:
        assert connection.execute(sa.select(tables.model_comparison.c.error)).scalars().all() == ["ValueError"]


@pytest.mark.parametrize(
    ("patience_s", "waits", "gives_way"), [(0.0, True, True), (60.0, True, False), (0.0, False, False)]
)
def test_a_shadow_gives_way_to_a_job_that_waits(house: Furnish, patience_s: float, waits: bool, gives_way: bool):
    made = house({CLASSIFY: says("other")})
    if waits:
        made.submit()
    way = GiveWay(replace(made.worker, settings=Settings(home=made.tmp_path, shadow_s=patience_s)))
    if gives_way:
        with pytest.raises(JobStoppedError):
            way.listen()
    else:
        way.listen()


@pytest.mark.parametrize(("begun", "by"), [(0, "new"), (1, "small")])
def test_a_job_that_fell_once_is_no_canary_s_again(house: Furnish, begun: int, by: str):
    made = house({CLASSIFY: says("other")})
    made.worker.bench.try_out(CLASSIFY, says("other", "new", "v2"), "v2", 1.0)
    job_id = made.submit()
    with made.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).where(tables.job.c.id == job_id).values(attempt=begun))
    assert [each.name for each in stored(made, made.run(job_id)).models] == [by]
