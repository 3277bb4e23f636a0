"""A worker's hand on one row: what tests do with the ledger that workers do with several rows at once."""

from __future__ import annotations

import sqlalchemy as sa

from shared import claiming, holding
from shared.audit import Actor
from shared.holding import Ended, Saved
from shared.job import JobStatus, Reason, StageName
from shared.ledger import Job


def claim(connection: sa.Connection, job_id: str, *, worker: str, lease_s: float) -> Job | None:
    """Take this row for one attempt; None when it does not wait."""
    jobs = claiming.take(connection, [job_id], worker=worker, lease_s=lease_s)
    return jobs[0] if jobs else None


def beat(connection: sa.Connection, job_id: str, token: str, *, lease_s: float) -> bool:
    """Extend the lease; False when the row is not the attempt's any more."""
    return holding.beat_all(connection, [job_id], token, lease_s=lease_s) == {job_id}


def save(
    connection: sa.Connection,
    job_id: str,
    token: str,
    *,
    case_file: bytes,
    remaining: tuple[StageName, ...],
    progress: float = 0.5,
) -> bool:
    """Keep the case after a finished stage."""
    return holding.save_all(connection, token, [Saved(job_id, case_file, remaining, progress, {})]) == {job_id}


def finish(
    connection: sa.Connection,
    job: Job,
    actor: Actor,
    *,
    status: JobStatus,
    result: bytes | None = None,
    bundle: bytes | None = None,
    reason: Reason | None = None,
) -> bool:
    """Write the job's end."""
    return holding.finish(connection, actor, Ended(job, status, result=result, bundle=bundle, reason=reason))
