"""The result cache: the same content and weights are computed once within a tenant, and each job has its own result."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from shared import ledger, tables
from shared.audit import Actor
from shared.case import Case, Sentence, Span
from shared.job import JobStatus, StageName
from shared.ledger import Job
from tests.attempts import NOTE, House, Small
from worker.stage import Desk

SUMMARIZE, ASSEMBLE = StageName.SUMMARIZE, StageName.ASSEMBLE
ME = Actor("user:me", "default")


def summarized(case: Case, _desk: Desk) -> Case:
    return replace(case, summary=(Sentence(NOTE, "subjective", (Span(0, len(NOTE)),)),))


def assembled(case: Case, _desk: Desk) -> Case:
    return replace(case, bundle=json.dumps({"id": case.origin.job_id}))


@pytest.fixture
def slow() -> Small:
    return Small(summarized)


@pytest.fixture
def home(house, slow: Small) -> House:
    made: House = house({SUMMARIZE: slow, ASSEMBLE: Small(assembled)})
    return made


def document(home: House, job: Job) -> dict[str, object]:
    stored = job.unseal("result", home.worker.keyring)
    assert stored is not None
    return dict(json.loads(stored))


def test_the_same_content_is_computed_once_and_each_job_has_its_own_bundle(home: House, slow: Small):
    first = home.run(home.submit(content="same"))
    second = home.run(home.submit(content="same"))
    assert slow.runs == 1
    assert (document(home, first)["cache_hit"], document(home, second)["cache_hit"]) == (False, True)
    assert document(home, first)["summary"] == document(home, second)["summary"]
    assert list(document(home, second)["timings"]) == ["assemble"]
    assert json.loads(second.unseal("bundle", home.worker.keyring) or b"") == {"id": second.id}


def test_a_hit_stands_in_the_audit_trail_with_the_job_it_came_from(home: House):
    first = home.run(home.submit(content="same"))
    second = home.run(home.submit(content="same"))
    hit = sa.select(tables.audit.c.outcome).where(
        (tables.audit.c.action == "cache_hit") & (tables.audit.c.job_id == second.id)
    )
    with home.worker.database.read() as connection:
        assert list(connection.execute(hit).scalars()) == [first.id]


@pytest.mark.parametrize("content", [None, "other"])
def test_other_content_or_content_that_is_not_shared_is_computed(home: House, slow: Small, content: str | None):
    home.run(home.submit(content="same"))
    assert home.run(home.submit(content=content)).status is JobStatus.COMPLETED
    assert slow.runs == 2


def test_another_tenant_never_meets_the_result(home: House, slow: Small):
    home.run(home.submit(content="same"))
    home.run(home.submit(content="same", tenant="another"))
    assert slow.runs == 2


def test_other_weights_are_another_result(home: House, slow: Small):
    home.run(home.submit(content="same"))
    newer = Small(summarized, model=replace(slow.model, version="2"))
    home.worker = replace(
        home.worker, bench=replace(home.worker.bench, stages={SUMMARIZE: newer, ASSEMBLE: Small(assembled)})
    )
    home.run(home.submit(content="same"))
    assert newer.runs == 1


def test_a_deleted_result_answers_nobody(home: House, slow: Small):
    first = home.run(home.submit(content="same"))
    with home.worker.database.write() as connection:
        assert ledger.purge(connection, first, ME)
    home.run(home.submit(content="same"))
    assert slow.runs == 2


def test_an_old_result_is_computed_again(home: House, slow: Small):
    home.run(home.submit(content="same"))
    with home.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).values(finished_at=0.0))
    home.run(home.submit(content="same"))
    assert slow.runs == 2


def test_a_result_without_a_bundle_is_not_used_again(house):
    slow = Small(summarized)
    home = house({SUMMARIZE: slow, ASSEMBLE: Small()})
    home.run(home.submit(content="same"))
    home.run(home.submit(content="same"))
    assert slow.runs == 2


def test_the_same_content_in_flight_waits_and_is_answered_by_the_first(home: House, slow: Small):
    leader, follower = home.submit(content="same"), home.submit(content="same")
    home.run(leader)
    assert home.read(follower).status is JobStatus.QUEUED
    assert home.run(follower).status is JobStatus.COMPLETED
    assert (slow.runs, document(home, home.read(follower))["cache_hit"]) == (1, True)
