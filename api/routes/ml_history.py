"""What the models have predicted for a tenant: the history, and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.deps import Caller, Here, actor
from api.errors import invalid
from api.ml.asked import NO_NUL, Model
from api.ml.spans import Hours, Since, Until, hours
from api.ml.telling import Agreement, Told, told
from api.security.guard import guarded
from api.submitting import API
from shared import audit, figures, predictions, tables
from shared.figures import Figures, Kept
from shared.job import JobStatus, StageName
from shared.predictions import Prediction
from shared.tally import HOUR_S

MOST = 200  # lines a call
CATEGORIES_OF = 1_000
"""So many of the newest predictions are opened for the shares of the categories: each is sealed with its job's key."""
router = APIRouter(prefix="/ml", tags=["models"], route_class=guarded("read"))
_job = tables.job


class Predicted(BaseModel):
    """One line of the history."""

    prediction_id: str = Field(description="the id of its job")
    at: datetime
    models: dict[StageName, str] = Field(description="name@version by stage")
    category: str | None = None
    confidence: float | None = None
    needs_review: bool | None = None
    cached: bool
    seconds: float
    result_url: str


class History(BaseModel):
    """Predictions, newest first."""

    predictions: list[Predicted]
    next: str | None = Field(None, description="give it as `cursor` to go on; absent at the end")


class InUse(BaseModel):
    """A version that has served."""

    stage: StageName
    model: str
    version: str
    jobs: int


class Hits(BaseModel):
    """How often the result cache has answered."""

    of: int = Field(description="finished jobs")
    hits: int
    share: float | None


class Categories(BaseModel):
    """What the newest predictions say."""

    of: int = Field(description=f"so many predictions were opened, at most {CATEGORIES_OF}")
    counts: dict[str, int]


class Stats(BaseModel):
    """A tenant's figures over some time; whole hours."""

    begins: datetime
    ends: datetime
    jobs: dict[JobStatus, int] = Field(description="submitted in this time, by their state now")
    cache: Hits
    needs_review: float | None = Field(description="share of the judged texts")
    mean_confidence: float | None
    agreement: Agreement
    stages: dict[StageName, Told]
    models: list[InUse]
    categories: Categories


@router.get("/predictions/history", response_model_exclude_none=True)
async def history(
    services: Here,
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    cursor: Annotated[str | None, Query(max_length=80, pattern=NO_NUL)] = None,
    model: Annotated[Model | None, Query()] = None,
    since: Since = None,
    until: Until = None,
) -> History:
    """The tenant's predictions, newest first; of one model, or from a time to before another."""
    who = actor(request)
    between = (since.timestamp() if since else None, until.timestamp() if until else None)

    def question(connection: sa.Connection) -> list[Prediction]:
        return predictions.history(
            connection, services.keyring, who.tenant, most=limit + 1, after=cursor, model=model, between=between
        )

    try:
        found = await services.reader.run(question)
    except ValueError as error:
        raise invalid("?cursor", "this is no place in the history: take `next` from an answer") from error
    services.writer.post(audit.record_all, (who, "history_read", None))
    shown = found[:limit]
    return History(predictions=[_line(each) for each in shown], next=shown[-1].place if len(found) > limit else None)


@router.get("/stats")
async def stats(services: Here, caller: Caller, since: Since = None, until: Until = None) -> Stats:
    """The tenant's figures: jobs, cache, times by stage, shares, and which models have served; a week when unsaid."""
    span = hours(since, until)

    def question(connection: sa.Connection) -> tuple[dict[JobStatus, int], list[Kept], list[Prediction]]:
        between = (span.since * HOUR_S, span.until * HOUR_S)
        newest = predictions.history(connection, services.keyring, caller.tenant, most=CATEGORIES_OF, between=between)
        return _jobs(connection, caller.tenant, span), figures.read(connection, caller.tenant, span.both), newest

    return _stats(span, *await services.reader.run(question))


def _jobs(connection: sa.Connection, tenant: str, span: Hours) -> dict[JobStatus, int]:
    begun = _job.c.created_at.between(span.since * HOUR_S, span.until * HOUR_S)
    counted = sa.select(_job.c.status, sa.func.count()).where((_job.c.tenant == tenant) & begun)
    rows = connection.execute(counted.group_by(_job.c.status))
    return dict.fromkeys(JobStatus, 0) | {JobStatus(status): int(count) for status, count in rows}


def _stats(span: Hours, jobs: dict[JobStatus, int], kept: Sequence[Kept], newest: Sequence[Prediction]) -> Stats:
    by_stage = {
        stage: figures.total(each.figures for each in kept if each.stage is stage)
        for stage in StageName
        if any(each.stage is stage for each in kept)
    }
    nothing = Figures()
    ended, judged = by_stage.get(StageName.ASSEMBLE, nothing), told(by_stage.get(StageName.CLASSIFY, nothing))
    categories = Counter(each.category for each in newest if each.category is not None)
    return Stats(
        begins=span.begins,
        ends=span.ends,
        jobs=jobs,
        cache=Hits(of=ended.jobs, hits=ended.cached, share=figures.ratio(ended.cached, ended.jobs)),
        needs_review=judged.needs_review,
        mean_confidence=judged.mean_confidence,
        agreement=told(figures.total(by_stage.values())).agreement,
        stages={stage: told(each) for stage, each in by_stage.items()},
        models=[_in_use(each) for each in kept if each.figures.jobs],
        categories=Categories(of=categories.total(), counts=dict(categories.most_common())),
    )


def _in_use(each: Kept) -> InUse:
    return InUse(stage=each.stage, model=each.model, version=each.version, jobs=each.figures.jobs)


def _line(each: Prediction) -> Predicted:
    return Predicted(
        prediction_id=each.job_id,
        at=datetime.fromtimestamp(each.at, UTC),
        models={StageName(stage): name for stage, name in each.models.items()},
        category=each.category,
        confidence=each.confidence,
        needs_review=each.needs_review,
        cached=each.cached,
        seconds=round(each.seconds, 4),
        result_url=f"{API}/result/{each.job_id}",
    )
