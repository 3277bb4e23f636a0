"""Batches: many jobs that were submitted together, and how far they have come as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects import postgresql, sqlite

from shared import ledger, tables
from shared.database import clock
from shared.job import Frozen, JobStatus, Priority, Reason
from shared.ledger import Job

_batch = tables.batch
_job = tables.job
_OPEN = (JobStatus.QUEUED.value, JobStatus.RUNNING.value)
_STATUS = sa.case((_job.c.purged_at.is_not(None), JobStatus.EXPIRED.value), else_=_job.c.status)
"""What a client is told of an item: once its content is gone, that is what matters."""
_SHARE = sa.case((_job.c.status.in_(_OPEN), _job.c.progress), else_=1.0)
_PLAIN = tuple(column for column in _job.c if column.name not in ledger.SEALED)
_ADD = {
    dialect.dialect.name: dialect.insert(_batch)
    .values(created_at=clock())
    .on_conflict_do_nothing(index_elements=["tenant", "idempotency_key"])
    for dialect in (sqlite, postgresql)
}


class Flaw(Frozen):
    """What is wrong with one field of an item."""

    pointer: str
    """JSON Pointer within the item."""
    detail: str


class Rejected(Frozen):
    """An item that was not taken, and why; nothing of what it held."""

    index: int
    code: str
    detail: str
    errors: tuple[Flaw, ...] = ()


_rejected = TypeAdapter(tuple[Rejected, ...])


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What the gateway writes for one batch, beside the rows of its jobs."""

    id: str
    tenant: str
    priority: Priority
    items: int
    rejected: tuple[Rejected, ...]
    body_hash: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was sent."""

    id: str
    tenant: str
    priority: Priority
    created_at: float
    items: int
    """How many were sent, the rejected ones too."""
    rejected: tuple[Rejected, ...]
    body_hash: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a batch is."""

    counts: dict[JobStatus, int]
    """Its jobs by status; every status is there."""
    progress: float
    """Share of the work that is done, 0 to 1."""
    finished_at: float | None
    """When the last job ended; None while one is open."""

    @property
    def open(self) -> int:
        """How many jobs wait or run."""
        return self.counts[JobStatus.QUEUED] + self.counts[JobStatus.RUNNING]


@dataclass(frozen=True, slots=True)
class Item:
    """One job of a batch, as the list of its items tells it."""

    index: int
    job_id: str
    status: JobStatus
    progress: float
    crisis: bool
    reason: Reason | None


def add(connection: sa.Connection, new: NewBatch) -> Batch | None:
    """Write a batch; or, where its idempotency key was used before, write nothing and return that batch."""
    values = {name: getattr(new, name) for name in ("id", "tenant", "items", "body_hash", "idempotency_key")}
    values |= {"priority": new.priority.value, "problems": _rejected.dump_json(new.rejected).decode()}
    connection.execute(_ADD[connection.dialect.name], values)
    if new.idempotency_key is None:
        return None
    found = by_key(connection, new.tenant, new.idempotency_key)  # PostgreSQL's driver tells no count of rows here
    return None if found is None or found.id == new.id else found


def find(connection: sa.Connection, batch_id: str, *, tenant: str) -> Batch | None:
    """The tenant's batch; another tenant's does not exist."""
    return _one(connection, (_batch.c.id == batch_id) & (_batch.c.tenant == tenant))


def by_key(connection: sa.Connection, tenant: str, idempotency_key: str) -> Batch | None:
    """The batch that came with this idempotency key."""
    return _one(connection, (_batch.c.tenant == tenant) & (_batch.c.idempotency_key == idempotency_key))


def listed(connection: sa.Connection, tenant: str, *, after: str | None = None, most: int = 100) -> list[Batch]:
    """The tenant's batches, newest first; `after` is the id of the last one that is known (ids are made in time)."""
    mine = _batch.c.tenant == tenant
    older = mine if after is None else mine & (_batch.c.id < after)
    rows = connection.execute(sa.select(_batch).where(older).order_by(_batch.c.id.desc()).limit(most))
    return [_read(row) for row in rows.mappings()]


def counts(connection: sa.Connection, batch_id: str) -> dict[JobStatus, int]:
    """The batch's jobs by status; every status is there, `expired` counts those whose content is gone."""
    return tallies(connection, [batch_id])[batch_id].counts


def tallies(connection: sa.Connection, batch_ids: Sequence[str]) -> dict[str, Tally]:
    """How far each of these batches is."""
    columns = (_job.c.batch_id, _STATUS.label("status"), sa.func.count(), sa.func.sum(_SHARE))
    query = sa.select(*columns, sa.func.max(_job.c.finished_at)).where(_job.c.batch_id.in_(batch_ids))
    found: dict[str, list[tuple[JobStatus, int, float, float | None]]] = {each: [] for each in batch_ids}
    for batch_id, status, many, share, finished_at in connection.execute(query.group_by(_job.c.batch_id, _STATUS)):
        found[batch_id].append((JobStatus(status), many, share, finished_at))
    return {batch_id: _tally(rows) for batch_id, rows in found.items()}


def items(connection: sa.Connection, batch_id: str) -> list[Item]:
    """All jobs of a batch in the order in which they were sent."""
    columns = (_job.c.batch_index, _job.c.id, _STATUS.label("status"), _SHARE.label("progress"), _job.c.crisis_at)
    query = sa.select(*columns, _job.c.reason_code, _job.c.reason_detail).where(_job.c.batch_id == batch_id)
    return [
        Item(index, job_id, JobStatus(status), share, at is not None, Reason(code, detail or "") if code else None)
        for index, job_id, status, share, at, code, detail in connection.execute(query.order_by(_job.c.batch_index))
    ]


def ended(connection: sa.Connection, batch_id: str, *, after: int = -1) -> list[int]:
    """Indexes of the jobs that have ended, of those behind the index `after`."""
    over = (_job.c.batch_id == batch_id) & (_job.c.batch_index > after) & _job.c.status.not_in(_OPEN)
    return list(connection.execute(sa.select(_job.c.batch_index).where(over).order_by(_job.c.batch_index)).scalars())


def jobs(
    connection: sa.Connection, batch_id: str, indexes: Sequence[int], *, sealed: tuple[str, ...] = ()
) -> list[Job]:
    """The rows at these indexes, with the named sealed records: take few at a time, for results are long."""
    columns = (*_PLAIN, *(_job.c[name] for name in sealed))
    chosen = (_job.c.batch_id == batch_id) & _job.c.batch_index.in_(indexes)
    rows = connection.execute(sa.select(*columns).where(chosen).order_by(_job.c.batch_index)).mappings()
    return [ledger.read(row) for row in rows]


def forget_key(connection: sa.Connection, batch_id: str) -> None:
    """Let the batch's idempotency key go: what comes with it is a new batch."""
    connection.execute(sa.update(_batch).where(_batch.c.id == batch_id).values(idempotency_key=None, body_hash=""))


def _one(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Batch | None:
    row = connection.execute(sa.select(_batch).where(which)).mappings().one_or_none()
    return None if row is None else _read(row)


def _read(row: sa.RowMapping) -> Batch:
    plain: dict[str, Any] = {name: row[name] for name in ("id", "tenant", "created_at", "items", "body_hash")}
    rejected = _rejected.validate_json(row["problems"])
    return Batch(**plain, priority=Priority(row["priority"]), rejected=rejected)


def _tally(rows: Sequence[tuple[JobStatus, int, float, float | None]]) -> Tally:
    counted = dict.fromkeys(JobStatus, 0) | {status: many for status, many, _, _ in rows}
    many = sum(counted.values())
    still_open = any(not status.terminal for status, *_ in rows)
    last = max((at for *_, at in rows if at is not None), default=None)
    share = sum(share for _, _, share, _ in rows) / many if many else 1.0
    return Tally(counted, share, None if still_open else last)
