"""Retention: what is older than its tenant wants is destroyed, the row first and the recording after it.

A crash in between leaves a recording whose key or row is gone: nobody can read it, and `sweep` removes it. Any number
of reapers may do this at once: each change is guarded by the state of its row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa
import structlog

from shared import feedback, predictions, tables, tenants
from shared.audit import Actor, record_all
from shared.blobs import Blobs
from shared.broker import Broker, Event
from shared.database import Database, clock
from shared.errors import BackingServiceError
from shared.job import JobStatus, StageName
from shared.review import records
from shared.settings import Settings

log = structlog.get_logger()
_job = tables.job
ROWS_A_ROUND = 500
SWEEP_EVERY_S = 6 * 3600.0
YOUNG = timedelta(days=1)  # a recording is stored before its row is written
KEYS_A_QUESTION = 500

_ENDED = [status.value for status in JobStatus if status.terminal and status is not JobStatus.EXPIRED]
_DEAF = sa.or_(*(_job.c.remaining.startswith(each.value) for each in (StageName.READ, StageName.TRANSCRIBE)))
"""Without its recording or document such a job can never be replayed: what else was submitted is of no use either."""
_RESULTS: dict[str, Any] = {
    "status": JobStatus.EXPIRED.value,
    "purged_at": clock(),
    "body_hash": "",
    **dict.fromkeys(("wrapped_key", "payload", "case_file", "partial", "result", "bundle")),
    **dict.fromkeys(("idempotency_key", "content_hash", "config_hash", "blob")),
}
_PAYLOADS: dict[str, Any] = dict.fromkeys(("payload", "case_file", "partial"))
_RECORDINGS: dict[str, Any] = {"blob": None, "payload": sa.case((_DEAF, sa.null()), else_=_job.c.payload)}


@dataclass(frozen=True, slots=True)
class Expired:
    """What one round removed, by kind: ids of jobs; and whether it stopped before all was done."""

    results: tuple[Event, ...] = ()
    payloads: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    more: bool = False

    def __add__(self, other: Expired) -> Expired:
        return Expired(
            self.results + other.results,
            self.payloads + other.payloads,
            self.recordings + other.recordings,
            self.more or other.more,
        )


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of data: which rows still have it, what takes it from them, and what the audit trail calls that."""

    action: str
    has: sa.ColumnElement[bool]
    change: dict[str, Any]


RESULTS = _Kind("expired", _job.c.purged_at.is_(None), _RESULTS)
PAYLOADS = _Kind("payload_expired", _job.c.payload.is_not(None), _PAYLOADS)
RECORDINGS = _Kind("audio_expired", _job.c.blob.is_not(None) & _job.c.purged_at.is_(None), _RECORDINGS)
KINDS = (RESULTS, PAYLOADS, RECORDINGS)


def keep(
    database: Database, broker: Broker, blobs: Blobs, settings: Settings, name: str, wait: Callable[[float], bool]
) -> None:
    """Remove what is too old until `wait` (which pauses so many seconds) answers True; outlives what is away."""
    swept_at = float("-inf")
    while not wait(settings.retention_every_s):
        try:
            while (done := expire(database, blobs, settings, name=name)).more and not wait(0.0):
                tell(broker, done)
            tell(broker, done)
            if time.monotonic() - swept_at >= SWEEP_EVERY_S:
                sweep(database, blobs)
                swept_at = time.monotonic()
        except BackingServiceError as error:
            log.warning("retention put off", reason=str(error))


def expire(database: Database, blobs: Blobs, settings: Settings, *, name: str) -> Expired:
    """One bounded round over all tenants; `name` goes into the audit trail. Raises BackingServiceError."""
    with database.read() as connection:
        old = _old(connection, settings)
    done = Expired()
    for tenant, (of_results, of_payloads, of_recordings) in old.items():
        actor = Actor(f"reaper:{name}", tenant)
        results = _take(database, blobs, RESULTS, actor, of_results)
        payloads = _take(database, blobs, PAYLOADS, actor, of_payloads)
        recordings = _take(database, blobs, RECORDINGS, actor, of_recordings)
        done += Expired(
            tuple(Event(row.id, "expired", JobStatus.EXPIRED, batch_id=row.batch_id) for row in results),
            tuple(row.id for row in payloads),
            tuple(row.id for row in recordings),
            more=any(len(rows) == ROWS_A_ROUND for rows in (results, payloads, recordings)),
        )
    return done


def due(database: Database, settings: Settings) -> dict[str, int]:
    """How many rows the next rounds would change, by the word of the audit trail."""
    counts = dict.fromkeys((kind.action for kind in KINDS), 0)
    with database.read() as connection:
        for old in _old(connection, settings).values():
            for kind, which in zip(KINDS, old, strict=True):
                query = sa.select(sa.func.count()).select_from(_job).where(which)
                counts[kind.action] += int(connection.execute(query).scalar_one())
    return counts


def tell(broker: Broker, done: Expired) -> None:
    """Publish and log what went."""
    for event in done.results:
        broker.publish(event)
    if done != Expired():
        log.info("retention", results=len(done.results), payloads=len(done.payloads), recordings=len(done.recordings))


def sweep(database: Database, blobs: Blobs, *, older: timedelta = YOUNG) -> int:
    """Remove recordings that no row names any more and that are older than a day; how many.

    A row that was purged names nothing: its key is destroyed.
    """
    before = datetime.now(UTC) - older
    stored = (each.key for each in blobs.all() if each.at < before)
    removed = 0
    while keys := set(islice(stored, KEYS_A_QUESTION)):
        with database.read() as connection:
            named = _job.c.blob.in_(keys) & _job.c.purged_at.is_(None)
            keys -= set(connection.execute(sa.select(_job.c.blob).where(named)).scalars())
        removed += _remove(blobs, keys)
    if removed:
        log.info("recordings without a job removed", count=removed)
    return removed


def _take(
    database: Database, blobs: Blobs, kind: _Kind, actor: Actor, old: sa.ColumnElement[bool]
) -> Sequence[sa.Row[str, str | None, str | None]]:
    """Take one kind of data from a tenant's oldest rows, and then what lies in the blob store."""
    with database.read() as connection:
        if connection.execute(sa.select(_job.c.id).where(old).limit(1)).first() is None:
            return []  # the common case takes no lock
    oldest = sa.select(_job.c.id, _job.c.blob, _job.c.batch_id).where(old).order_by(_job.c.finished_at)
    with database.write() as connection:
        rows = connection.execute(oldest.limit(ROWS_A_ROUND).with_for_update(skip_locked=True)).all()
        connection.execute(sa.update(_job).where(_job.c.id.in_([row.id for row in rows])).values(kind.change))
        if rows and kind is RESULTS:
            records.forget(connection, [row.id for row in rows])
            feedback.forget(connection, [row.id for row in rows])
            predictions.forget(connection, [row.id for row in rows])
        if rows:
            record_all(connection, [(actor, kind.action, row.id) for row in rows])
    if "blob" in kind.change:
        _remove(blobs, [row.blob for row in rows if row.blob is not None])
    return rows


def _old(connection: sa.Connection, settings: Settings) -> dict[str, tuple[sa.ColumnElement[bool], ...]]:
    """By tenant, which rows are too old for each kind; by one reading of the clock, which an index can be asked for."""
    now = float(connection.execute(sa.select(clock())).scalar_one())

    def which(tenant: str, kind: _Kind, hours: float) -> sa.ColumnElement[bool]:
        if hours <= 0:
            return sa.false()
        before = _job.c.finished_at.is_not(None) & (_job.c.finished_at < now - hours * 3600.0)
        return (_job.c.tenant == tenant) & before & _job.c.status.in_(_ENDED) & kind.has

    rules = tenants.keeping(connection, settings)
    return {
        tenant: tuple(
            which(tenant, kind, hours)
            for kind, hours in zip(KINDS, (rule.result_h, rule.payload_h, rule.audio_h), strict=True)
        )
        for tenant, rule in rules.items()
    }


def _remove(blobs: Blobs, keys: Iterable[str]) -> int:
    removed = 0
    for key in keys:
        try:
            blobs.delete(key)
        except BackingServiceError as error:  # nobody can read it any more; the next sweep tries again
            log.warning("recording not removed", reason=str(error))
        else:
            removed += 1
    return removed
