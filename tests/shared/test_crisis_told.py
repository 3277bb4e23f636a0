"""A crisis is told at once, once, to everybody who awaits the job, and its end is told as ever."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import sqlalchemy as sa
import uuid_utils

from shared import crisis, dead, ledger, tables
from shared.audit import Actor
from shared.crisis import Raised
from shared.job import JobStatus
from shared.webhooks import endpoint
from shared.webhooks.outbox import Target
from tests.deliveries import WORKER, Office, until
from tests.receiver import Receiver


def raise_over(desk: Office, *job_ids: str) -> list[Raised]:
    with desk.database.write() as connection:
        return crisis.raise_all(connection, desk.ring, job_ids, WORKER)


def told(to: Receiver) -> list[str]:
    return [json.loads(call.body)["type"] for call in to.calls]


def test_a_crisis_is_told_while_its_job_is_open_and_the_end_afterwards(desk: Office, to: Receiver) -> None:
    job_id = desk.submit([Target(to.url)])
    with desk.sending():
        [raised] = raise_over(desk, job_id)
        until(lambda: told(to) == ["job.crisis"])
        [call] = to.calls
        assert set(json.loads(call.body)) == {"id", "type", "created", "job_id", "result_url"}
        assert call.signed_with(*desk.secrets())
        desk.end(job_id)
        until(lambda: told(to) == ["job.crisis", "job.completed"])
    assert raised.event().type == "crisis"
    assert len({row.id for row in desk.rows()}) == 2


def test_a_crisis_that_is_raised_again_is_not_told_again(desk: Office, to: Receiver) -> None:
    job_id = desk.submit([Target(to.url)])
    assert len(raise_over(desk, job_id)) == 1
    assert raise_over(desk, job_id) == []
    assert [row.kind for row in desk.rows()] == ["end", "crisis"]


def test_each_address_is_called_once_whether_it_came_with_the_job_its_batch_or_the_tenant(
    desk: Office, to: Receiver
) -> None:
    batch_id = str(uuid_utils.uuid7())
    with desk.database.write() as connection:
        endpoint.add(connection, desk.ring, "default", to.url)
        endpoint.add(connection, desk.ring, "default", f"{to.origin}/tenant")
        endpoint.add(connection, desk.ring, "other", f"{to.origin}/other")
    job_id = desk.submit([Target(to.url)], batch_id=batch_id)
    desk.arm_batch(batch_id, [Target(f"{to.origin}/batch"), Target(f"{to.origin}/tenant")])
    raise_over(desk, job_id)
    with desk.sending():
        until(lambda: len(to.calls) == 3)
    assert sorted(call.path for call in to.calls) == ["/batch", "/hook?token=CANARY-url", "/tenant"]


def test_whoever_follows_the_job_is_told_too(desk: Office, to: Receiver) -> None:
    leader, follower = desk.submit(), desk.submit([Target(to.url)])
    with desk.database.write() as connection:
        follows = sa.update(tables.job).where(tables.job.c.id == follower).values(follows=leader)
        connection.execute(follows)
    raised = raise_over(desk, leader)
    assert {each.id: each.status for each in raised} == {
        leader: JobStatus.QUEUED,
        follower: JobStatus.QUEUED,
    }
    assert [(row.job_id, row.kind) for row in desk.rows()] == [(follower, "end"), (follower, "crisis")]


def test_whoever_followed_and_was_cancelled_or_deleted_is_not_called(desk: Office, to: Receiver) -> None:
    leader, cancelled, deleted = desk.submit(), desk.submit([Target(to.url)]), desk.submit([Target(to.url)])
    who = Actor("user:1", "default")
    with desk.database.write() as connection:
        follows = sa.update(tables.job).where(tables.job.c.id.in_([cancelled, deleted])).values(follows=leader)
        connection.execute(follows)
        for each in (cancelled, deleted):
            job = ledger.get(connection, each)
            assert job is not None
            ledger.cancel(connection, job, who)
            if each == deleted:
                ledger.purge(connection, job, who)
    assert [each.id for each in raise_over(desk, leader)] == [leader]
    assert "crisis" not in {row.kind for row in desk.rows()}


def test_a_replay_arms_the_end_anew_and_leaves_the_crisis_told(desk: Office, to: Receiver) -> None:
    job_id = desk.submit([Target(to.url)])
    raise_over(desk, job_id)
    desk.end(job_id, JobStatus.DEAD)
    with desk.database.write() as connection:
        assert dead.replay(connection, "default", Actor("user:1", "default"), job_ids=[job_id]) == [job_id]
        dead.follow_up(connection, desk.ring, [job_id])
    assert raise_over(desk, job_id) == []
    kinds = [(row.kind, row.state) for row in desk.rows()]
    assert kinds.count(("crisis", "due")) == 1
    assert kinds.count(("end", "armed")) == 1


def test_the_mark_is_gone_with_the_content(desk: Office) -> None:
    job_id = desk.submit()
    raise_over(desk, job_id)
    desk.end(job_id)
    with desk.database.write() as connection:
        job = ledger.get(connection, job_id)
        assert job is not None
        assert job.crisis_at is not None
        ledger.purge(connection, job, WORKER)
        bare = ledger.get(connection, job_id)
    assert bare is not None
    assert bare.crisis_at is None


def test_the_audit_trail_names_the_crisis_once(desk: Office) -> None:
    job_id = desk.submit()
    for _ in range(2):
        raise_over(desk, job_id)
    with desk.database.read() as connection:
        query = sa.select(tables.audit.c.actor, tables.audit.c.action, tables.audit.c.job_id)
        rows = [tuple(row) for row in connection.execute(query)]
    assert rows == [("worker:test", "crisis_raised", job_id)]


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.CANCELLED])
def test_a_crisis_that_was_not_delivered_yet_is_delivered_after_the_end(
    desk: Office, to: Receiver, status: JobStatus
) -> None:
    job_id = desk.submit([Target(to.url)])
    raise_over(desk, job_id)
    desk.end(job_id, status)
    with desk.sending():
        until(lambda: sorted(told(to)) == sorted(["job.crisis", f"job.{status.value}"]))
    assert all(one != two for one, two in pairwise(sorted(call.delivery for call in to.calls)))
