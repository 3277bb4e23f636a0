"""The reaper: it takes back what dead workers hold and sends again what Redis has lost; run any number of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from shared import audit, tables
from shared.audit import Actor
from shared.database import Database, clock
from shared.ending import URGENCY, ended, release_orphans, waits_again
from shared.job import JobStatus, Reason, StageName

_job = tables.job
LOST = Reason(
    "worker_lost", "the worker that ran this job died in its last attempt; see the worker's log, then submit again"
)
ROWS_A_ROUND = 500
_SEEN = tuple(
    _job.c[name]
    for name in (
        "id",
        "tenant",
        "token",
        "attempt",
        "max_attempts",
        "stage_attempt",
        "remaining",
        "batch_id",
        "progress",
    )
)


_LATE = sa.select(*_SEEN).where((_job.c.status == tables.RUNS) & (_job.c.lease < clock())).limit(ROWS_A_ROUND)


@dataclass(frozen=True, slots=True)
class Freed:
    """A row whose worker died: it waits again, or it is dead."""

    id: str
    tenant: str
    status: JobStatus
    batch_id: str | None = None
    progress: float = 0.0


def pause_s(attempt: int, *, first_s: float, longest_s: float) -> float:
    """Exponential backoff with full jitter above the first half (AWS Architecture Blog, 2015), in seconds."""
    ceiling = min(longest_s, first_s * 2.0 ** max(0, attempt - 1))
    return float(ceiling * (0.5 + random.random() / 2))  # noqa: S311 - jitter needs no cryptography


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a freed row waits, and how often a stage may be begun."""

    first_s: float
    longest_s: float
    stage_attempts: Mapping[StageName, int]
    """Attempts that a stage is given; those not named have the job's own limit alone."""

    def is_last(self, row: sa.RowMapping) -> bool:
        """Whether the attempt that died was the last one."""
        stage = str(row["remaining"]).partition(",")[0]
        most = self.stage_attempts.get(StageName(stage)) if stage else None
        return bool(row["attempt"] >= row["max_attempts"] or (most is not None and row["stage_attempt"] >= most))


def take_back(database: Database, name: str, patience: Patience) -> list[Freed]:
    """Free each running row whose lease has ended: queued again, or dead after its last attempt."""
    with database.read() as connection:
        if not connection.execute(_LATE).first():
            return []
    with database.write() as connection:
        # A row that somebody holds locked is left for the next round: waiting for it would hold up all others.
        late = connection.execute(_LATE.with_for_update(skip_locked=True)).mappings().all()
        return [freed for row in late if (freed := _free(connection, row, name, patience)) is not None]


def let_go(database: Database) -> int:
    """Let jobs run on their own that follow one which has ended; how many."""
    with database.read() as connection:
        if connection.execute(sa.select(_job.c.id).where(_job.c.follows.is_not(None)).limit(1)).first() is None:
            return 0
    with database.write() as connection:
        return release_orphans(connection)


def unsent(database: Database, *, resend_after_s: float) -> list[str]:
    """Ids of waiting rows that are due and were not sent in the last `resend_after_s` seconds, most urgent first."""
    due = (
        (_job.c.status == tables.WAITS)
        & _job.c.follows.is_(None)
        & (_job.c.not_before <= clock())
        & (_job.c.sent_at <= clock() - resend_after_s)
    )
    with database.read() as connection:
        first = (sa.case(URGENCY, value=_job.c.priority), _job.c.created_at)
        rows = connection.execute(sa.select(_job.c.id).where(due).order_by(*first).limit(ROWS_A_ROUND))
        return [str(row.id) for row in rows]


def mark_sent(database: Database, ids: list[str]) -> None:
    """Remember that these ids went to Redis just now."""
    with database.write() as connection:
        connection.execute(sa.update(_job).where(_job.c.id.in_(ids)).values(sent_at=clock()))


def forget_keys(database: Database, *, hours: float) -> None:
    """Let idempotency keys of jobs and batches go once their time is over."""
    with database.write() as connection:
        for table in (_job, tables.batch):
            old = table.c.idempotency_key.is_not(None) & (table.c.created_at < clock() - hours * 3600.0)
            connection.execute(sa.update(table).where(old).values(idempotency_key=None))


def _free(connection: sa.Connection, row: sa.RowMapping, name: str, patience: Patience) -> Freed | None:
    last = patience.is_last(row)
    over = {
        "status": JobStatus.DEAD.value,
        "finished_at": clock(),
        "reason_code": LOST.code,
        "reason_detail": LOST.detail,
    }
    pause = pause_s(row["attempt"], first_s=patience.first_s, longest_s=patience.longest_s)
    again = {
        "status": JobStatus.QUEUED.value,
        "not_before": clock() + (pause if row["attempt"] > 1 else 0.0),
        "sent_at": 0.0,
    }
    still = (_job.c.id == row["id"]) & (_job.c.token == row["token"]) & (_job.c.lease < clock())
    change = sa.update(_job).where(still).values(token=None, lease=None, partial=None, **(over if last else again))
    if connection.execute(change).rowcount == 0:
        return None
    if last:
        ended(connection, [row["id"]])
    else:
        waits_again(connection, row["id"])
    actor = Actor(f"reaper:{name}", row["tenant"])
    audit.record(connection, actor, "lease_lost", job_id=row["id"], outcome="dead" if last else "queued")
    status = JobStatus.DEAD if last else JobStatus.QUEUED
    return Freed(row["id"], row["tenant"], status, row["batch_id"], row["progress"])
