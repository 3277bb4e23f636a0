"""Where a job stands: its state as clients read it, its place in the queue, and when it may be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from pydantic import BaseModel, Field

from shared import speed, tables
from shared.database import clock
from shared.job import JobStatus, StageName, StageProgress
from shared.ledger import Job

WORKER_SEEN_S = 15.0
_job = tables.job
_open = (JobStatus.QUEUED.value, JobStatus.RUNNING.value)


@dataclass(frozen=True, slots=True)
class QueueState:
    """All jobs by state, the estimated seconds of open work for one worker, and how many workers live."""

    jobs: dict[JobStatus, int]
    waiting_s: float | None
    workers: int


@dataclass(frozen=True, slots=True)
class Place:
    """How many jobs wait before this one, and in how many seconds it may be done; None where it is not known."""

    position: int | None = None
    eta_s: float | None = None


class Ended(BaseModel):
    """Why a job ended without a result."""

    code: str
    detail: str


class State(BaseModel):
    """A job's state; a completed job's document carries the fields of its result beside these."""

    job_id: str
    status: JobStatus
    source: str = Field(description="text or audio")
    stage: StageName | None = Field(None, description="the stage that runs, or comes next")
    progress: float = Field(description="share of the whole job that is done, 0 to 1")
    stages: list[StageProgress]
    attempt: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    position: int | None = Field(None, description="jobs that wait before this one; 0 is the next")
    eta_s: float | None = Field(None, description="estimated seconds until it is done")
    reason: Ended | None = None
    fhir_bundle_url: str | None = None
    transcript_url: str | None = None


def state(job: Job, place: Place, base: str) -> State:
    """The row as clients see it; `base` is the address of its result."""
    done = job.status is JobStatus.COMPLETED
    return State(
        job_id=job.id,
        status=job.status,
        source=job.source,
        stage=job.stage,
        progress=1.0 if done else round(job.progress, 4),
        stages=[_stage(job, name) for name in job.stages],
        attempt=job.attempt,
        created_at=_time(job.created_at),
        started_at=None if job.claimed_at is None else _time(job.claimed_at),
        finished_at=None if job.finished_at is None else _time(job.finished_at),
        position=place.position,
        eta_s=place.eta_s,
        reason=Ended(code=job.reason.code, detail=job.reason.detail) if job.reason else None,
        fhir_bundle_url=f"{base}/bundle" if done else None,
        transcript_url=f"{base}/transcript" if done and job.source == "audio" else None,
    )


def place(connection: sa.Connection, job: Job) -> Place:
    """The job's place among those that wait, and its estimated end."""
    if job.status.terminal:
        return Place()
    ahead = _job.c.status.in_(_open) & (_job.c.created_at < job.created_at)
    columns = (
        _job.c.source,
        sa.func.sum(sa.case((_job.c.status == JobStatus.QUEUED.value, 1), else_=0)).label("waiting"),
        sa.func.sum(_work()).label("work"),
    )
    rows = connection.execute(sa.select(*columns).where(ahead).group_by(_job.c.source)).all()
    pace = speed.seconds_per_unit(connection)
    waits = job.status is JobStatus.QUEUED
    position = sum(int(row.waiting) for row in rows) if waits else None
    work = {row.source: float(row.work) for row in rows} if waits else {}
    own_s = _seconds({job.source: job.size * (1.0 - job.progress)}, pace)
    ahead_s = _seconds(work, pace)
    workers = _workers(connection)
    if own_s is None or ahead_s is None or workers == 0:
        return Place(position)
    return Place(position, round(own_s + ahead_s / workers, 1))


def queue_state(connection: sa.Connection) -> QueueState:
    """All jobs, for health and metrics."""
    counts = connection.execute(sa.select(_job.c.status, sa.func.count()).group_by(_job.c.status)).all()
    jobs = dict.fromkeys(JobStatus, 0) | {JobStatus(status): int(count) for status, count in counts}
    open_ = sa.select(_job.c.source, sa.func.sum(_work())).where(_job.c.status.in_(_open)).group_by(_job.c.source)
    work = {str(source): float(units) for source, units in connection.execute(open_)}
    return QueueState(jobs, _seconds(work, speed.seconds_per_unit(connection)), _workers(connection))


def _work() -> sa.ColumnElement[float]:
    return _job.c.size * (1.0 - _job.c.progress)


def _workers(connection: sa.Connection) -> int:
    alive = tables.worker.c.seen_at > clock() - WORKER_SEEN_S
    return int(connection.execute(sa.select(sa.func.count()).select_from(tables.worker).where(alive)).scalar_one())


def _seconds(units: dict[str, float], pace: dict[str, float]) -> float | None:
    """Seconds of work for one worker; None where a source was never measured."""
    if not units.keys() <= pace.keys():
        return None
    return sum(amount * pace[source] for source, amount in units.items())


def _stage(job: Job, name: StageName) -> StageProgress:
    return StageProgress(name=name, status=_word(job, name), seconds=job.timings.get(name.value))


def _word(job: Job, name: StageName) -> str:
    if name not in job.remaining:
        return "done"
    if job.status.terminal:
        return "skipped"
    return "running" if job.status is JobStatus.RUNNING and name is job.remaining[0] else "waiting"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
