"""What the attempt that owns rows may write: it counts only while a row still carries the attempt's fencing token.

One attempt may hold several rows, all with one token; each function writes them in one transaction and answers the ids
that are still the attempt's own. The others were cancelled, or the reaper gave them to another worker.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shared import audit, tables
from shared.audit import Actor
from shared.database import clock
from shared.ending import ended, waits_again
from shared.job import JobStatus, Reason, StageName
from shared.ledger import Job, joined

_job = tables.job
DETAIL_CHARS = 400
_FREE: dict[str, Any] = {"token": None, "lease": None, "partial": None}
_BY_ID = _job.c.id == sa.bindparam("its_id")
_SAVE = (
    sa.update(_job)
    .where(_BY_ID)
    .values(
        {name: sa.bindparam(name) for name in ("case_file", "remaining", "progress", "timings")}
        | {"partial": None, "stage_attempt": 1}
    )
)
_FINISH = (
    sa.update(_job)
    .where(_BY_ID)
    .values(
        {name: sa.bindparam(name) for name in ("status", "result", "bundle", "reason_code", "reason_detail")}
        | {"config_hash": sa.bindparam("config_hash"), "finished_at": clock()}
        | _FREE
    )
)


@dataclass(frozen=True, slots=True)
class Saved:
    """A job after a finished stage; `case_file` is sealed."""

    id: str
    case_file: bytes
    remaining: tuple[StageName, ...]
    progress: float
    """Share of the whole job that is done, 0 to 1."""
    timings: dict[str, float]
    """Seconds by stage."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job at its end; result and bundle are sealed."""

    job: Job
    status: JobStatus
    result: bytes | None = None
    bundle: bytes | None = None
    reason: Reason | None = None
    config_hash: str | None = None
    """Of the stages and weights that made the result; None: it must not be used again."""
    last: Saved | None = None
    """The case after the last stage, where it was not saved yet."""


def mine(connection: sa.Connection, job_ids: Iterable[str], token: str, *, lock: bool = False) -> set[str]:
    """Which of these rows are still this attempt's; with `lock` they stay so until the transaction ends."""
    query = sa.select(_job.c.id).where(_owned(job_ids, token))
    if lock:  # in one order, so that two who lock the same rows wait for each other and never deadlock
        query = query.order_by(_job.c.id).with_for_update()
    return set(connection.execute(query).scalars())


def beat_all(connection: sa.Connection, job_ids: Iterable[str], token: str, *, lease_s: float) -> set[str]:
    """Extend the leases."""
    beat = sa.update(_job).where(_owned(job_ids, token)).values(lease=clock() + lease_s).returning(_job.c.id)
    return set(connection.execute(beat).scalars())


def tell(connection: sa.Connection, job_id: str, token: str, *, progress: float, partial: bytes | None) -> bool:
    """Keep how far the running stage is, and the sealed text that has come so far."""
    said = sa.update(_job).where(_owned([job_id], token)).values(progress=progress, partial=partial)
    return connection.execute(said).rowcount == 1


def keep(connection: sa.Connection, job: Job, *, case_file: bytes, progress: float, partial: bytes | None) -> bool:
    """Keep the case in the middle of a stage, so that another attempt goes on there; both are sealed."""
    values = {"case_file": case_file, "progress": progress, "partial": partial}
    kept = sa.update(_job).where(_owned([job.id], job.token or "")).values(values)
    return connection.execute(kept).rowcount == 1


def take_in(connection: sa.Connection, job: Job, *, payload: bytes, blob: str, size: float) -> bool:
    """Keep a recording that was fetched for the job: its place in the blob store, and its length in seconds."""
    taken = sa.update(_job).where(_owned([job.id], job.token or "")).values(payload=payload, blob=blob, size=size)
    return connection.execute(taken).rowcount == 1


def save_all(connection: sa.Connection, token: str, saved: Sequence[Saved]) -> set[str]:
    """Keep the cases after a finished stage, so that another attempt resumes behind it."""
    owned = mine(connection, [each.id for each in saved], token, lock=True)
    _save(connection, [each for each in saved if each.id in owned])
    return owned


def finish_all(connection: sa.Connection, token: str, ends: Sequence[Ended], worker: str, host: str) -> set[str]:
    """Write the one terminal state of each job, with its audit row: written, or discarded for a fenced attempt."""
    owned = mine(connection, [each.job.id for each in ends], token, lock=True)
    written = [each for each in ends if each.job.id in owned]
    _save(connection, [each.last for each in written if each.last is not None])
    if written:
        connection.execute(_FINISH, [_end(each) for each in written])
        _complete(connection, [each.job.id for each in written if each.result is not None])
        ended(connection, [each.job.id for each in written])
    audit.record_each(connection, [_told(each, worker, host, written=each.job.id in owned) for each in ends])
    return owned


def finish(connection: sa.Connection, actor: Actor, end: Ended) -> bool:
    """The same for one job."""
    return bool(finish_all(connection, end.job.token or "", [end], actor.name, actor.address or ""))


def retry(
    connection: sa.Connection, job: Job, actor: Actor, *, reason: Reason, pause_s: float, last: bool
) -> JobStatus | None:
    """Give the row back for another attempt, or end it as dead after the last one; None when it is not ours."""
    if last:
        return JobStatus.DEAD if finish(connection, actor, Ended(job, JobStatus.DEAD, reason=reason)) else None
    back = _give_back(connection, job, not_before=clock() + pause_s)
    audit.record(connection, actor, "attempt_failed", job_id=job.id, outcome=reason.code)
    return JobStatus.QUEUED if back else None


def hand_back(connection: sa.Connection, job: Job, actor: Actor) -> bool:
    """Let another worker go on behind the last finished stage; this attempt does not count."""
    uncounted = {
        "attempt": _job.c.attempt - 1,
        "stage_attempt": sa.case((_job.c.stage_attempt > 0, _job.c.stage_attempt - 1), else_=0),
    }
    back = _give_back(connection, job, not_before=clock(), **uncounted)
    if back:
        audit.record(connection, actor, "handed_back", job_id=job.id)
    return back


def _give_back(connection: sa.Connection, job: Job, **values: Any) -> bool:
    waits = {"status": JobStatus.QUEUED.value, "sent_at": 0.0} | _FREE | values
    change = sa.update(_job).where(_owned([job.id], job.token or "")).values(waits)
    if connection.execute(change).rowcount == 0:
        return False
    waits_again(connection, job.id)
    return True


def _owned(job_ids: Iterable[str], token: str) -> sa.ColumnElement[bool]:
    return _job.c.id.in_(list(job_ids)) & (_job.c.token == token) & (_job.c.status == JobStatus.RUNNING.value)


def _save(connection: sa.Connection, saved: Sequence[Saved]) -> None:
    if saved:
        connection.execute(_SAVE, [_row(each) for each in saved])


def _row(saved: Saved) -> dict[str, Any]:
    return {
        "its_id": saved.id,
        "case_file": saved.case_file,
        "remaining": joined(saved.remaining),
        "progress": saved.progress,
        "timings": json.dumps(saved.timings),
    }


def _end(end: Ended) -> dict[str, Any]:
    return {
        "its_id": end.job.id,
        "status": end.status.value,
        "result": end.result,
        "bundle": end.bundle,
        "reason_code": end.reason and end.reason.code,
        "reason_detail": end.reason and end.reason.detail[:DETAIL_CHARS],
        "config_hash": end.config_hash,
    }


def _told(end: Ended, worker: str, host: str, *, written: bool) -> tuple[Actor, str, str, str]:
    action = "result_written" if written else "result_discarded_fenced"
    return Actor(worker, end.job.tenant, host), action, end.job.id, end.status.value


def _complete(connection: sa.Connection, job_ids: Sequence[str]) -> None:
    if job_ids:
        connection.execute(sa.update(_job).where(_job.c.id.in_(job_ids)).values(progress=1.0))
