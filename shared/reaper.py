"""The reaper: it takes back what dead workers hold and sends again what Redis has lost; run any number of it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import sqlalchemy as sa

from shared import audit, tables
from shared.audit import Actor
from shared.database import Database, clock
from shared.job import JobStatus, Reason

_job = tables.job
LOST = Reason(
    "worker_lost", "the worker that ran this job died in its last attempt; see the worker's log, then submit again"
)
ROWS_A_ROUND = 500


@dataclass(frozen=True, slots=True)
class Freed:
    """A row whose worker died: it waits again, or it is dead."""

    id: str
    tenant: str
    status: JobStatus


def pause_s(attempt: int, *, first_s: float, longest_s: float) -> float:
    """Exponential backoff with full jitter above the first half (AWS Architecture Blog, 2015), in seconds."""
    ceiling = min(longest_s, first_s * 2.0 ** max(0, attempt - 1))
    return float(ceiling * (0.5 + random.random() / 2))  # noqa: S311 - jitter needs no cryptography


def take_back(database: Database, name: str, *, backoff_s: float, longest_s: float) -> list[Freed]:
    """Free each running row whose lease has ended: queued again, or dead after its last attempt."""
    with database.read() as connection:
        late = _late(connection)
    if not late:
        return []
    with database.write() as connection:
        return [freed for row in late if (freed := _free(connection, row, name, backoff_s, longest_s)) is not None]


def unsent(database: Database, *, resend_after_s: float) -> list[str]:
    """Ids of waiting rows that are due and were not sent in the last `resend_after_s` seconds, most urgent first."""
    due = (
        (_job.c.status == JobStatus.QUEUED.value)
        & (_job.c.not_before <= clock())
        & (_job.c.sent_at <= clock() - resend_after_s)
    )
    with database.read() as connection:
        rows = connection.execute(sa.select(_job.c.id).where(due).order_by(_job.c.created_at).limit(ROWS_A_ROUND))
        return [str(row.id) for row in rows]


def mark_sent(database: Database, ids: list[str]) -> None:
    """Remember that these ids went to Redis just now."""
    with database.write() as connection:
        connection.execute(sa.update(_job).where(_job.c.id.in_(ids)).values(sent_at=clock()))


def forget_keys(database: Database, *, hours: float) -> None:
    """Let idempotency keys go once their time is over."""
    old = _job.c.idempotency_key.is_not(None) & (_job.c.created_at < clock() - hours * 3600.0)
    with database.write() as connection:
        connection.execute(sa.update(_job).where(old).values(idempotency_key=None))


def _late(connection: sa.Connection) -> list[sa.RowMapping]:
    columns = (_job.c.id, _job.c.tenant, _job.c.token, _job.c.attempt, _job.c.max_attempts)
    late = (_job.c.status == JobStatus.RUNNING.value) & (_job.c.lease < clock())
    return list(connection.execute(sa.select(*columns).where(late).limit(ROWS_A_ROUND)).mappings())


def _free(connection: sa.Connection, row: sa.RowMapping, name: str, backoff_s: float, longest_s: float) -> Freed | None:
    last = row["attempt"] >= row["max_attempts"]
    ended = {
        "status": JobStatus.DEAD.value,
        "finished_at": clock(),
        "reason_code": LOST.code,
        "reason_detail": LOST.detail,
    }
    pause = pause_s(row["attempt"], first_s=backoff_s, longest_s=longest_s) if row["attempt"] > 1 else 0.0
    again = {"status": JobStatus.QUEUED.value, "not_before": clock() + pause, "sent_at": 0.0}
    still = (_job.c.id == row["id"]) & (_job.c.token == row["token"]) & (_job.c.lease < clock())
    change = sa.update(_job).where(still).values(token=None, lease=None, partial=None, **(ended if last else again))
    if connection.execute(change).rowcount == 0:
        return None
    actor = Actor(f"reaper:{name}", row["tenant"])
    audit.record(connection, actor, "lease_lost", job_id=row["id"], outcome="dead" if last else "queued")
    return Freed(row["id"], row["tenant"], JobStatus.DEAD if last else JobStatus.QUEUED)
