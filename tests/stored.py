"""Rows of jobs in any state, written straight into the table, as a worker would have left them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.crypto import Keyring
from shared.database import Database, clock
from shared.job import JobStatus, StageName

STAGES = ",".join((StageName.TRANSCRIBE, StageName.EXTRACT, StageName.ASSEMBLE))
OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
WORDS = {"payload": b"the note", "case_file": b"the case", "result": b"the result", "bundle": b"the bundle"}


def put(
    database: Database,
    ring: Keyring,
    status: JobStatus,
    *,
    hours_ago: float = 1.0,
    words: dict[str, bytes] | None = None,
    **changes: Any,
) -> str:
    """Write one job that came to this state so many hours ago, with all its records (or `words`) sealed; its id."""
    job_id = str(uuid_utils.uuid7())
    tenant = changes.setdefault("tenant", "default")
    wrapped, key = ring.new(tenant, job_id)
    at = clock() - hours_ago * 3600.0
    row = {
        "id": job_id,
        "status": status.value,
        "priority": "default",
        "source": "text",
        "size": 8.0,
        "stages": STAGES,
        "remaining": "extract,assemble",
        "attempt": 3,
        "max_attempts": 3,
        "not_before": at,
        "created_at": at,
        "finished_at": None if status in OPEN else at,
        "body_hash": "0" * 64,
        "key_id": wrapped.key_id,
        "wrapped_key": wrapped.wrapped,
        **{name: key.seal(plain, name) for name, plain in (words or WORDS).items()},
        **changes,
    }
    with database.write() as connection:
        connection.execute(sa.insert(tables.job).values(row))
    return job_id


def column(database: Database, job_id: str, *names: str) -> Any:
    """What the row holds: one value for one name, else a tuple."""
    query = sa.select(*(tables.job.c[name] for name in names)).where(tables.job.c.id == job_id)
    with database.read() as connection:
        row = tuple(connection.execute(query).one())
    return row[0] if len(names) == 1 else row


def acts(database: Database, job_id: str) -> list[str]:
    """What the audit trail says was done to a job, in order."""
    query = sa.select(tables.audit.c.action).where(tables.audit.c.job_id == job_id).order_by(tables.audit.c.id)
    with database.read() as connection:
        return list(connection.execute(query).scalars())
