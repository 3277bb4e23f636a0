"""Dead letters: listed, and replayed one by one or many at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api import reading
from api.deps import Caller, Here, actor
from api.errors import ProblemError, invalid, not_found
from api.security.guard import guarded
from api.services import Services
from api.standing import Ended
from shared import dead
from shared.audit import Actor
from shared.broker import Event
from shared.dead import DeadJob
from shared.job import JobStatus, StageName

MOST = 500  # jobs a call
NO_NUL = r"^[^\x00]+$"  # PostgreSQL takes none
readable = APIRouter(prefix="/dead", tags=["dead"], route_class=guarded("read"))
replayable = APIRouter(prefix="/dead", tags=["dead"], route_class=guarded("submit", body=None))

Kind = Literal["dead", "failed"]
Kinds = Annotated[
    tuple[Kind, ...], Query(alias="status", description="dead: all attempts were lost; failed: given up at once")
]
Reason = Annotated[
    str | None, Query(alias="reason", max_length=40, pattern=NO_NUL, description="only those with this reason code")
]
Most = Annotated[int, Query(ge=1, le=MOST)]


class Letter(BaseModel):
    """One dead letter."""

    job_id: str
    status: JobStatus
    source: str = Field(description="text, audio or document")
    batch_id: str | None = None
    created_at: datetime
    finished_at: datetime
    attempts: int
    stage: StageName | None = Field(None, description="where it ended; a replay begins there")
    reason: Ended | None = None
    replayable: bool = Field(description="false once retention has taken what was submitted")


class Letters(BaseModel):
    """Dead letters, those that ended last first."""

    jobs: list[Letter]
    next: str | None = Field(None, description="give it as `after` to go on; absent at the end")


class Replayed(BaseModel):
    """A job that waits again."""

    job_id: str
    status: JobStatus = JobStatus.QUEUED


class AllReplayed(BaseModel):
    """What one call brought back, and what it left."""

    job_ids: list[str]
    left: int = Field(description="how many more could be replayed: call again")


@readable.get("", response_model_exclude_none=True)
async def list_(
    services: Here,
    caller: Caller,
    kinds: Kinds = ("dead",),
    reason: Reason = None,
    after: Annotated[str | None, Query(max_length=80, pattern=NO_NUL)] = None,
    most: Most = 100,
) -> Letters:
    """The tenant's jobs that ended without a result, newest end first; dead ones, or by `status` failed ones too."""

    def question(connection: sa.Connection) -> list[DeadJob]:
        tenant, statuses = caller.tenant, _statuses(kinds)
        return dead.listed(connection, tenant, after=after, most=most + 1, statuses=statuses, reason_code=reason)

    try:
        found = await services.reader.run(question)
    except ValueError as error:
        raise invalid("?after", "this is no place in the list: take `next` from an answer") from error
    shown = found[:most]
    return Letters(jobs=[_letter(each) for each in shown], next=shown[-1].place if len(found) > most else None)


@replayable.post("/replay", status_code=202)
async def replay_all(
    services: Here, request: Request, kinds: Kinds = ("dead",), reason: Reason = None, most: Most = MOST
) -> AllReplayed:
    """Let all dead letters wait again, or those with one reason; oldest first, so many a call."""
    await services.gate.check()
    who, statuses = actor(request), _statuses(kinds)

    def act(connection: sa.Connection) -> tuple[list[Event], int]:
        ids = dead.replay(connection, who.tenant, who, statuses=statuses, reason_code=reason, most=most)
        left = dead.left(connection, who.tenant, statuses=statuses, reason_code=reason)
        return dead.follow_up(connection, services.keyring, ids), left

    events, left = await services.writer.run(act)
    _wake(services, events)
    return AllReplayed(job_ids=[event.job_id for event in events], left=left)


@replayable.post("/{job_id}/replay", status_code=202)
async def replay(services: Here, request: Request, job_id: str) -> Replayed:
    """Let one dead or failed job wait again, with all its attempts, behind its last finished stage."""
    await services.gate.check()
    who = actor(request)

    def act(connection: sa.Connection) -> list[Event]:
        ids = dead.replay(connection, who.tenant, who, job_ids=[job_id])
        return dead.follow_up(connection, services.keyring, ids)

    events = await services.writer.run(act) if reading.like_an_id(job_id) else []
    if not events:
        raise await _why_not(services, who, job_id)
    _wake(services, events)
    return Replayed(job_id=job_id)


def _wake(services: Services, events: Sequence[Event]) -> None:
    for event in events:
        services.queue.send(event.job_id, fresh=False)
        services.queue.publish(event)


async def _why_not(services: Services, who: Actor, job_id: str) -> ProblemError:
    job = await reading.look(services, who.tenant, job_id)
    if job is None:
        return not_found()
    if job.status not in dead.ENDED and job.purged_at is None:
        return ProblemError(409, "not_dead", f"The job is {job.status.value}: only dead and failed jobs are replayed.")
    return ProblemError(410, "content_gone", "What this job works on was deleted, by a client or by retention.")


def _statuses(kinds: Sequence[Kind]) -> tuple[JobStatus, ...]:
    return tuple(JobStatus(kind) for kind in kinds)


def _letter(job: DeadJob) -> Letter:
    return Letter(
        job_id=job.id,
        status=job.status,
        source=job.source,
        batch_id=job.batch_id,
        created_at=datetime.fromtimestamp(job.created_at, UTC),
        finished_at=datetime.fromtimestamp(job.finished_at, UTC),
        attempts=job.attempts,
        stage=job.stage,
        reason=Ended(code=job.reason.code, detail=job.reason.detail) if job.reason else None,
        replayable=job.replayable,
    )
