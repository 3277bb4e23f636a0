"""What follows from a job's end, written in the same transaction: followers go on, and deliveries become due."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from shared import tables
from shared.database import clock
from shared.job import JobStatus, Priority

_job = tables.job
_delivery = tables.delivery
ARMED, DUE = "armed", "due"
URGENCY = {priority.value: place for place, priority in enumerate(Priority)}
_OPEN = (JobStatus.QUEUED.value, JobStatus.RUNNING.value)


def ended(connection: sa.Connection, job_ids: Sequence[str]) -> None:
    """Call it in every transaction that brings jobs to a terminal state."""
    release(connection, _job.c.follows.in_(job_ids))
    its = (_delivery.c.state == ARMED) & _delivery.c.job_id.in_(job_ids)
    connection.execute(sa.update(_delivery).where(its).values(state=DUE, due_at=clock(), next_at=clock()))


def waits_again(connection: sa.Connection, job_id: str) -> None:
    """Call it in every transaction that lets a running job wait once more.

    Whoever follows it from a more urgent class goes on alone: it followed a job that ran, not a slower line.
    """
    leader = _job.alias("leader")
    its = sa.select(sa.case(URGENCY, value=leader.c.priority)).where(leader.c.id == job_id).scalar_subquery()
    release(connection, (_job.c.follows == job_id) & (sa.case(URGENCY, value=_job.c.priority) < its))


def release(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Let followers run on their own; sent_at 0 makes the reaper wake a worker for them."""
    return connection.execute(sa.update(_job).where(which).values(follows=None, sent_at=0.0)).rowcount


def release_orphans(connection: sa.Connection) -> int:
    """Let go whoever follows a job that has ended already: it was written while that end was being committed."""
    leader = _job.alias("leader")
    lives = sa.exists().where((leader.c.id == _job.c.follows) & leader.c.status.in_(_OPEN))
    return release(connection, _job.c.follows.is_not(None) & ~lives)
