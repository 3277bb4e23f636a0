"""The ledger: the row is the job, and each change of its state is one guarded UPDATE.

Here is what the gateway does with rows; shared/claiming.py says which of them a worker takes, shared/holding.py what it
may write into those. The functions take a connection inside a transaction; the caller commits, with the audit row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from shared import feedback, predictions, tables
from shared.audit import Actor, record_all
from shared.crypto import Keyring, WrappedKey
from shared.database import clock
from shared.ending import URGENCY, ended
from shared.job import JobStatus, Priority, Reason, StageName
from shared.review import records

_job = tables.job
_ids = _job.c.id
DETAIL_CHARS = 400
_AS_NEW = {"status": JobStatus.QUEUED.value, "not_before": clock(), "created_at": clock(), "sent_at": clock()}
_AS_GIVEN = (
    *("id", "tenant", "source", "size", "max_attempts", "idempotency_key", "body_hash", "content_hash"),
    *("batch_id", "batch_index", "notify", "blob", "payload", "case_file"),
)
_leader = _job.alias("leader")
_LEADER = (
    sa.select(_leader.c.id)
    .where(
        (_leader.c.tenant == sa.bindparam("its_tenant"))
        & (_leader.c.content_hash == sa.bindparam("its_content"))
        & _leader.c.content_hash.is_not(None)
        & _leader.c.follows.is_(None)
        & ((_leader.c.status == tables.WAITS) | (_leader.c.status == tables.RUNS))  # as the index has it
        # A job that waits in a slower line would hold up whoever follows it.
        & (
            (_leader.c.status == tables.RUNS)
            | (sa.case(URGENCY, value=_leader.c.priority) <= sa.bindparam("its_urgency"))
        )
    )
    .limit(1)
    .scalar_subquery()
)
"""The open job that computes the same: a new one with the same content awaits its end instead of computing it again."""
_ADD = {  # built once: building a statement costs more than running it
    dialect.dialect.name: dialect.insert(_job)
    .values(_AS_NEW | {"follows": _LEADER})
    .on_conflict_do_nothing(index_elements=["tenant", "idempotency_key"])
    for dialect in (sqlite, postgresql)
}


@dataclass(frozen=True, slots=True)
class NewJob:
    """What the gateway writes for one submission; `payload` is the sealed JobRequest."""

    id: str
    tenant: str
    priority: Priority
    source: str
    size: float
    stages: tuple[StageName, ...]
    key: WrappedKey
    payload: bytes
    body_hash: str
    max_attempts: int
    idempotency_key: str | None = None
    blob: str | None = None
    content_hash: str | None = None
    """Keyed hash of what the stages read; None: never shared with another job."""
    batch_id: str | None = None
    batch_index: int | None = None
    notify: bool = False
    """Deliveries were armed for its end."""
    case_file: bytes | None = None
    """The sealed case where some of its stages are done already."""


@dataclass(frozen=True, slots=True)
class Job:
    """A row as it was read; sealed records stay sealed."""

    id: str
    tenant: str
    status: JobStatus
    priority: Priority
    source: str
    size: float
    stages: tuple[StageName, ...]
    remaining: tuple[StageName, ...]
    progress: float
    attempt: int
    max_attempts: int
    stage_attempt: int
    """How often the next stage was begun."""
    token: str | None
    created_at: float
    claimed_at: float | None
    finished_at: float | None
    purged_at: float | None
    reason: Reason | None
    timings: dict[str, float]
    body_hash: str
    content_hash: str | None
    batch_id: str | None
    batch_index: int | None
    crisis_at: float | None
    """When a crisis was told of."""
    notify: bool
    blob: str | None
    key: WrappedKey | None
    sealed: dict[str, bytes]
    """The sealed records that were read: payload, case_file, partial, result, bundle."""

    @property
    def stage(self) -> StageName | None:
        """The stage that runs, or comes next."""
        return self.remaining[0] if self.remaining and not self.status.terminal else None

    def unseal(self, name: str, keyring: Keyring) -> bytes | None:
        """One record in clear; None when it is not there or the job was purged."""
        if name not in self.sealed or self.key is None:
            return None
        return keyring.unwrap(self.key, self.tenant, self.id).open(self.sealed[name], name)


def add(connection: sa.Connection, new: NewJob) -> str:
    """Write one job and return its id, or the id of the job that already has its idempotency key."""
    if connection.execute(_ADD[connection.dialect.name], _row(new)).rowcount == 1 or new.idempotency_key is None:
        return new.id
    same = (_job.c.tenant == new.tenant) & (_job.c.idempotency_key == new.idempotency_key)
    return str(connection.execute(sa.select(_ids).where(same)).scalar_one())


def add_all(connection: sa.Connection, new: Sequence[NewJob]) -> None:
    """Write jobs without idempotency keys by one statement, which costs a third of one for each."""
    connection.execute(_ADD[connection.dialect.name], [_row(each) for each in new])


def get(
    connection: sa.Connection, job_id: str, *, tenant: str | None = None, sealed: tuple[str, ...] = ()
) -> Job | None:
    """Read one row with the named sealed records; with a tenant, another tenant's job does not exist."""
    row = connection.execute(_reading(sealed), {"job_id": job_id}).mappings().one_or_none()
    return None if row is None or tenant not in {None, row["tenant"]} else read(row)


def cancel(connection: sa.Connection, job: Job, actor: Actor) -> bool:
    """End a job that waits or runs; whoever runs it notices at its next beat or word."""
    return bool(cancel_all(connection, [job.id], actor))


def cancel_all(connection: sa.Connection, job_ids: Sequence[str], actor: Actor) -> list[str]:
    """End those of these jobs that wait or run; their ids."""
    open_states = (JobStatus.QUEUED.value, JobStatus.RUNNING.value)
    change = (
        sa.update(_job)
        .where(_ids.in_(job_ids) & _job.c.status.in_(open_states))
        .values(status=JobStatus.CANCELLED.value, finished_at=clock(), token=None, lease=None, partial=None)
    )
    cancelled = list(connection.execute(change.returning(_ids)).scalars())
    if cancelled:
        ended(connection, cancelled)
        record_all(connection, [(actor, "cancelled", job_id) for job_id in cancelled])
    return cancelled


def purge(connection: sa.Connection, job: Job, actor: Actor) -> bool:
    """Destroy the job's key and all that it sealed; the bare row stays for the audit trail."""
    return bool(purge_all(connection, [job.id], actor))


def purge_all(connection: sa.Connection, job_ids: Sequence[str], actor: Actor) -> list[str]:
    """The same for those of these jobs that are not purged yet; their ids."""
    gone = dict.fromkeys(("wrapped_key", "payload", "case_file", "partial", "result", "bundle", "idempotency_key"))
    change = (
        sa.update(_job)
        .where(_ids.in_(job_ids) & _job.c.purged_at.is_(None))
        .values(purged_at=clock(), body_hash="", content_hash=None, crisis_at=None, **gone)
    )
    purged = list(connection.execute(change.returning(_ids)).scalars())
    if purged:
        records.forget(connection, purged)
        feedback.forget(connection, purged)
        predictions.forget(connection, purged)
        record_all(connection, [(actor, "purged", job_id) for job_id in purged])
    return purged


def waiting(connection: sa.Connection) -> int:
    """How many jobs wait."""
    query = sa.select(sa.func.count()).select_from(_job).where(_job.c.status == tables.WAITS)
    return int(connection.execute(query).scalar_one())


@cache
def _reading(sealed: tuple[str, ...]) -> sa.Select[tuple[Any, ...]]:
    return sa.select(*_PLAIN, *(_job.c[name] for name in sealed)).where(_ids == sa.bindparam("job_id"))


def _row(new: NewJob) -> dict[str, Any]:
    stages = joined(new.stages)
    taken = {"stages": stages, "remaining": stages, "key_id": new.key.key_id, "wrapped_key": new.key.wrapped}
    leader = {
        "its_tenant": new.tenant,
        "its_content": new.content_hash,
        "its_urgency": URGENCY[new.priority.value],
    }
    return {name: getattr(new, name) for name in _AS_GIVEN} | taken | leader | {"priority": new.priority.value}


@cache
def joined(stages: tuple[StageName, ...]) -> str:
    """Stages as the row holds them."""
    return ",".join(stage.value for stage in stages)


def _split(stages: str) -> tuple[StageName, ...]:
    return tuple(StageName(stage) for stage in stages.split(",") if stage)


def read(row: sa.RowMapping) -> Job:
    """A row with all plain columns, and whichever sealed ones were read."""
    return Job(
        **{name: row[name] for name in _COPIED},
        sealed={name: row[name] for name in SEALED if row.get(name) is not None},
        status=JobStatus(row["status"]),
        priority=Priority(row["priority"]),
        stages=_split(row["stages"]),
        remaining=_split(row["remaining"]),
        reason=Reason(row["reason_code"], row["reason_detail"] or "") if row["reason_code"] else None,
        timings=json.loads(row["timings"]),
        key=WrappedKey(row["key_id"], row["wrapped_key"]) if row["wrapped_key"] else None,
    )


SEALED = ("payload", "case_file", "partial", "result", "bundle")
_PLAIN = tuple(column for column in _job.c if column.name not in SEALED)
_COPIED = tuple(
    column.name
    for column in _PLAIN
    if column.name in Job.__dataclass_fields__
    and column.name not in {"status", "priority", "stages", "remaining", "timings"}
)
