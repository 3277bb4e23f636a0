"""Dead letters: jobs that ended without a result, listed for people, and brought back to run once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shared import tables
from shared.audit import Actor, record_all
from shared.broker import Event
from shared.crypto import Keyring
from shared.database import clock
from shared.job import JobStatus, Reason, StageName
from shared.webhooks import outbox

_job = tables.job
_ids = _job.c.id
ENDED = (JobStatus.DEAD, JobStatus.FAILED)
"""What can be replayed: every attempt was lost, or the job was given up at once."""
_AS_NEW = {
    "status": JobStatus.QUEUED.value,
    "attempt": 0,
    "stage_attempt": 0,
    "not_before": clock(),
    "sent_at": clock(),
    "token": None,
    "lease": None,
    "follows": None,
    "claimed_at": None,
    "finished_at": None,
    "worker": None,
    "reason_code": None,
    "reason_detail": None,
    "partial": None,
}


@dataclass(frozen=True, slots=True)
class DeadJob:
    """One dead letter; nothing in it is clinical."""

    id: str
    status: JobStatus
    source: str
    batch_id: str | None
    created_at: float
    finished_at: float
    attempts: int
    stage: StageName | None
    """Where it ended: the stage that a replay begins with."""
    reason: Reason | None
    replayable: bool
    """False once retention has taken what a replay would work on."""

    @property
    def place(self) -> str:
        """Where it stands in the list, to go on behind it."""
        return f"{self.finished_at!r}~{self.id}"


def listed(
    connection: sa.Connection,
    tenant: str,
    *,
    after: str | None = None,
    most: int = 100,
    statuses: Sequence[JobStatus] = (JobStatus.DEAD,),
    reason_code: str | None = None,
) -> list[DeadJob]:
    """The tenant's dead letters, those that ended last first; `after` is the place of the last one that is known.

    Raises ValueError for an `after` that is no place.
    """
    query = sa.select(*_LISTED, _replayable().label("replayable")).where(_dead(tenant, statuses, reason_code))
    if after is not None:
        ended, _, last = after.partition("~")
        query = query.where(sa.tuple_(_job.c.finished_at, _ids) < (float(ended), last))
    rows = connection.execute(query.order_by(_job.c.finished_at.desc(), _ids.desc()).limit(most)).mappings()
    return [_read(row) for row in rows]


def replay(
    connection: sa.Connection,
    tenant: str,
    actor: Actor,
    *,
    job_ids: Sequence[str] | None = None,
    batch_id: str | None = None,
    statuses: Sequence[JobStatus] = ENDED,
    reason_code: str | None = None,
    most: int | None = None,
) -> list[str]:
    """Let dead letters wait again with all their attempts, behind their last finished stage; the ids, to wake workers.

    The one way out of a terminal state. Jobs that are purged, or whose content retention has taken, stay as they are;
    so do those behind the first `most`, oldest first.
    """
    chosen = _dead(tenant, statuses, reason_code) & _replayable()
    if job_ids is not None:
        chosen &= _ids.in_(job_ids)
    if batch_id is not None:
        chosen &= _job.c.batch_id == batch_id
    if most is not None:
        oldest = sa.select(_ids).where(chosen).order_by(_job.c.finished_at, _ids).limit(most)
        chosen &= _ids.in_(oldest)
    changed = connection.execute(sa.update(_job).where(chosen).values(_AS_NEW).returning(_ids)).scalars()
    replayed = sorted(str(each) for each in changed)
    if replayed:
        record_all(connection, [(actor, "replayed", job_id) for job_id in replayed])
    return replayed


def left(
    connection: sa.Connection, tenant: str, *, statuses: Sequence[JobStatus] = ENDED, reason_code: str | None = None
) -> int:
    """How many dead letters could be replayed."""
    counted = sa.select(sa.func.count()).select_from(_job)
    return int(connection.execute(counted.where(_dead(tenant, statuses, reason_code) & _replayable())).scalar_one())


def follow_up(connection: sa.Connection, keyring: Keyring, job_ids: Sequence[str]) -> list[Event]:
    """What a replay brings with it: whoever was called back at the first end is at the second; what to publish."""
    rows = connection.execute(sa.select(_ids, _job.c.progress, _job.c.batch_id).where(_ids.in_(job_ids))).all()
    outbox.arm_again(connection, keyring, job_ids=job_ids)
    batches = {row.batch_id for row in rows if row.batch_id is not None}
    armed = tables.delivery.c.batch_id.in_(batches) & (tables.delivery.c.state == tables.ARMED)
    for batch_id in batches - set(connection.execute(sa.select(tables.delivery.c.batch_id).where(armed)).scalars()):
        outbox.arm_again(connection, keyring, batch_id=batch_id)
    queued = JobStatus.QUEUED
    return [Event(row.id, queued.value, queued, progress=row.progress, batch_id=row.batch_id) for row in rows]


def _dead(tenant: str, statuses: Sequence[JobStatus], reason_code: str | None) -> sa.ColumnElement[bool]:
    kept = _job.c.purged_at.is_(None) & _job.c.finished_at.is_not(None)  # as the index ix_job_kept has it
    dead = kept & (_job.c.tenant == tenant) & _job.c.status.in_([each.value for each in statuses])
    return dead if reason_code is None else dead & (_job.c.reason_code == reason_code)


def _replayable() -> sa.ColumnElement[bool]:
    return _job.c.payload.is_not(None)


def _read(row: sa.RowMapping) -> DeadJob:
    stages = str(row["remaining"]).split(",")
    return DeadJob(
        **{name: row[name] for name in ("id", "source", "batch_id", "created_at", "finished_at")},
        status=JobStatus(row["status"]),
        attempts=row["attempt"],
        stage=StageName(stages[0]) if stages[0] else None,
        reason=Reason(row["reason_code"], row["reason_detail"] or "") if row["reason_code"] else None,
        replayable=bool(row["replayable"]),
    )


_LISTED = tuple(
    _job.c[name]
    for name in (
        "id",
        "status",
        "source",
        "batch_id",
        "created_at",
        "finished_at",
        "attempt",
        "remaining",
        "reason_code",
        "reason_detail",
    )
)
