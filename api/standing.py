"""Where a job stands: its state as clients read it, its place in the queue, and when it may be done."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from math import isnan, nan
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field

from shared import speed, tables
from shared.database import clock
from shared.job import JobStatus, Priority, StageName, StageProgress
from shared.ledger import Job

WORKER_SEEN_S = 15.0
CLASSES = tuple(Priority)
_job = tables.job
_review = tables.review
_REVIEWS = sa.select(_review.c.action).where(_review.c.job_id == sa.bindparam("job_id"))
_FEEDBACK = sa.select(sa.func.count()).where(tables.feedback.c.job_id == sa.bindparam("job_id"))
_SAID = sa.select(
    _REVIEWS.with_only_columns(sa.func.count()).scalar_subquery().label("reviews"),
    _REVIEWS.order_by(_review.c.created_at.desc(), _review.c.id.desc()).limit(1).scalar_subquery().label("last"),
    _FEEDBACK.scalar_subquery().label("feedback"),
)  # built once: building costs more than running


@dataclass(frozen=True, slots=True)
class QueueState:
    """All jobs by state, the estimated seconds of open work for one worker, and what of workers lives."""

    jobs: dict[JobStatus, int]
    waiting_s: float | None
    workers: int
    memory_mb: dict[str, float] = field(default_factory=dict)
    """What the models of all workers took as they were loaded, by stage."""


@dataclass(frozen=True, slots=True)
class Place:
    """How many jobs wait before this one, and in how many seconds it may be done; None where it is not known."""

    position: int | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Everybody who waits, as it was a moment ago: one reading serves all who ask where they stand."""

    waiting: tuple[tuple[int, float], ...]
    """The class of each waiting job (0 is the most urgent) and when it was created, in the order of their turn."""
    ahead_s: tuple[float, ...]
    """Seconds of work before each of them, and behind the last; NaN where a source was never measured."""
    pace: dict[str, float]
    """Seconds per unit of work, by source."""
    workers: int

    def before(self, priority: Priority, created_at: float) -> tuple[int, float | None]:
        """How many wait before a job of this class that was created then, and their seconds of work."""
        position = bisect_left(self.waiting, (CLASSES.index(priority), created_at))
        seconds = self.ahead_s[position]
        return position, None if isnan(seconds) else seconds

    def seconds(self, source: str, units: float) -> float | None:
        """Seconds of work for one worker; None where the source was never measured."""
        return None if source not in self.pace else units * self.pace[source]


class Ended(BaseModel):
    """Why a job ended without a result."""

    code: str
    detail: str


class Reviewed(BaseModel):
    """What people have said of the result."""

    reviews: int
    last: Literal["confirm", "correct", "reject"] | None = Field(None, description="the action of the last review")
    feedback: int


class State(BaseModel):
    """A job's state; a completed job's document carries the fields of its result beside these."""

    job_id: str
    status: JobStatus
    source: str = Field(description="text, audio, document or series")
    stage: StageName | None = Field(None, description="the stage that runs, or comes next")
    progress: float = Field(description="share of the whole job that is done, 0 to 1")
    crisis: bool = Field(description="whether a sign of acute danger to life was found, so far")
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
    review: Reviewed | None = Field(None, description="absent where nobody has said a thing of the result")


def state(job: Job, place: Place, base: str, review: Reviewed | None = None) -> State:
    """The row as clients see it; `base` is the address of its result, `review` what was said of it."""
    done = job.status is JobStatus.COMPLETED
    return State(
        job_id=job.id,
        status=job.status,
        source=job.source,
        stage=job.stage,
        progress=1.0 if done else round(job.progress, 4),
        crisis=job.crisis_at is not None,
        stages=[_stage(job, name) for name in job.stages],
        attempt=job.attempt,
        created_at=_time(job.created_at),
        started_at=None if job.claimed_at is None else _time(job.claimed_at),
        finished_at=None if job.finished_at is None else _time(job.finished_at),
        position=place.position,
        eta_s=place.eta_s,
        reason=Ended(code=job.reason.code, detail=job.reason.detail) if job.reason else None,
        fhir_bundle_url=f"{base}/bundle" if done and StageName.ASSEMBLE in job.stages else None,
        transcript_url=f"{base}/transcript" if done and job.source in {"audio", "document"} else None,
        review=review,
    )


def reviewed(connection: sa.Connection, job_id: str) -> Reviewed | None:
    """What was said of a job's result; None where nothing was."""
    row = connection.execute(_SAID, {"job_id": job_id}).one()
    return Reviewed(reviews=row.reviews, last=row.last, feedback=row.feedback) if row.reviews or row.feedback else None


def place(line: Line, job: Job) -> Place:
    """The job's place among those that wait, and its estimated end."""
    if job.status.terminal:
        return Place()
    waits = job.status is JobStatus.QUEUED
    position, ahead_s = line.before(job.priority, job.created_at) if waits else (None, 0.0)
    own_s = line.seconds(job.source, job.size * (1.0 - job.progress))
    if own_s is None or ahead_s is None or line.workers == 0:
        return Place(position)
    return Place(position, round(own_s + ahead_s / line.workers, 1))


def read_line(connection: sa.Connection) -> Line:
    """Everybody who waits, in the order of their turn, and how fast work goes."""
    columns = (_job.c.created_at, _job.c.source, _job.c.priority, _work().label("work"))
    rows = connection.execute(sa.select(*columns).where(_job.c.status == tables.WAITS)).all()
    turns = sorted(rows, key=lambda row: (CLASSES.index(row.priority), row.created_at))
    pace = speed.seconds_per_unit(connection)
    seconds = accumulate((row.work * pace.get(row.source, nan) for row in turns), initial=0.0)
    waiting = tuple((CLASSES.index(row.priority), row.created_at) for row in turns)
    return Line(waiting, tuple(seconds), pace, _workers(connection))


def queue_state(connection: sa.Connection) -> QueueState:
    """All jobs, for health and metrics."""
    jobs = dict.fromkeys(JobStatus, 0)
    ended = sa.select(_job.c.status, sa.func.count()).where(_job.c.finished_at.is_not(None)).group_by(_job.c.status)
    jobs |= {JobStatus(status): int(count) for status, count in connection.execute(ended)}
    work: Counter[str] = Counter()
    for status, literal in ((JobStatus.QUEUED, tables.WAITS), (JobStatus.RUNNING, tables.RUNS)):
        columns = (_job.c.source, sa.func.count(), sa.func.sum(_work()))
        rows = connection.execute(sa.select(*columns).where(_job.c.status == literal).group_by(_job.c.source)).all()
        jobs[status] = sum(int(count) for _, count, _ in rows)
        work.update({str(source): float(units) for source, _, units in rows})
    waiting_s = _seconds(work, speed.seconds_per_unit(connection))
    return QueueState(jobs, waiting_s, _workers(connection), _memory(connection))


def _work() -> sa.ColumnElement[float]:
    follows = _job.c.follows.is_not(None)  # its work is done by the job that it follows
    return sa.case((follows, 0.0), else_=_job.c.size * (1.0 - _job.c.progress))


def _workers(connection: sa.Connection) -> int:
    alive = tables.worker.c.seen_at > clock() - WORKER_SEEN_S
    return int(connection.execute(sa.select(sa.func.count()).select_from(tables.worker).where(alive)).scalar_one())


def _memory(connection: sa.Connection) -> dict[str, float]:
    """MB that the models of all workers took as they were loaded, by stage."""
    alive = tables.worker.c.seen_at > clock() - WORKER_SEEN_S
    sizes: Counter[str] = Counter()
    for row in connection.execute(sa.select(tables.worker.c.memory).where(alive)):
        sizes.update(json.loads(row.memory))
    return dict(sizes)


def _seconds(units: Mapping[str, float], pace: dict[str, float]) -> float | None:
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
