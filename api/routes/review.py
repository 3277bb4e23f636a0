"""Reviews: what a clinician says of a result, and what was said before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from api import reading
from api.deps import Here, actor
from api.errors import ProblemError, invalid, not_found
from api.security.guard import guarded
from api.services import Services
from shared import audit, feedback, tally
from shared.crypto import JobKey
from shared.job import JobStatus
from shared.ledger import Job
from shared.review import records
from shared.review.asked import Correction, Review, misfit
from shared.review.records import Stored
from shared.review.verdicts import places, touched

Facts = Mapping[str, Mapping[str, Any]]
readable = APIRouter(tags=["review"], route_class=guarded("read"))
reviewable = APIRouter(tags=["review"], route_class=guarded("review"))


class Written(BaseModel):
    """A review as it was written."""

    review_id: str
    job_id: str
    action: Literal["confirm", "correct", "reject"]
    reviewer: str = Field(description="user:<id> or key:<id>")
    created_at: datetime
    facts: tuple[str, ...] = Field((), description="only these were meant; the whole result when absent")
    corrections: tuple[Correction, ...] = ()
    note: str | None = None
    resources: tuple[str, ...] = Field((), description="fullUrls of the Bundle's resources that single facts became")


class Reviews(BaseModel):
    """All reviews of a result, oldest first."""

    reviews: list[Written]


@reviewable.post("/result/{job_id}/review", status_code=201, response_model_exclude_defaults=True)
async def review(
    services: Here,
    request: Request,
    response: Response,
    job_id: str,
    body: Review,
    if_match: Annotated[
        str | None, Header(description="the ETag of the reviews as you read them: 412 where somebody reviewed since")
    ] = None,
) -> Written:
    """Confirm a result or some of its facts, reject it or some of them, or say how some should read."""
    who = actor(request)
    job, key = await completed(services, request, job_id)
    facts = _facts(services, job)
    _check(body, facts)
    seen = None if if_match is None or if_match == "*" else if_match.strip().removeprefix("W/").strip('"')

    def act(connection: sa.Connection) -> Stored | None:
        written = records.add(connection, job, who, body, key, seen=seen)
        if written is not None:
            whole = body.action != "correct" and not body.facts
            stages = feedback.STAGES["result" if whole else "fact"]
            tally.said(connection, job.id, stages, right=body.action == "confirm")
        return written

    stored = await services.writer.run(act)
    if stored is None:
        raise not_found()  # it was deleted in this moment
    response.headers["ETag"] = f'"{stored.id}"'
    return _written(job, stored, facts)


@readable.get("/result/{job_id}/review", response_model_exclude_defaults=True)
async def reviews(services: Here, request: Request, response: Response, job_id: str) -> Reviews:
    """What was said of this result so far, oldest first; the ETag goes into the If-Match of the next review."""
    job, key = await completed(services, request, job_id)
    rows = await services.reader.find(lambda connection: records.sealed(connection, job.id))
    services.writer.post(audit.record_all, (actor(request), "review_read", job.id))
    facts = _facts(services, job)
    response.headers["ETag"] = f'"{records.last([row.id for row in rows])}"'
    return Reviews(reviews=[_written(job, each, facts) for each in records.opened(rows, key)])


async def completed(services: Services, request: Request, job_id: str, act: str = "review") -> tuple[Job, JobKey]:
    """The job with its sealed result, and its key. Raises 409 for one that has none."""
    job = await reading.find(services, actor(request), job_id, "result")
    if not job.status.terminal:
        raise ProblemError(409, "not_ready", f"The job has not ended: there is nothing to {act} yet.")
    if job.status is not JobStatus.COMPLETED or job.key is None:
        raise ProblemError(409, "not_completed", f"The job is {job.status.value}: it has no result to {act}.")
    return job, services.keyring.unwrap(job.key, job.tenant, job.id)


def _facts(services: Services, job: Job) -> Facts:
    """The result's facts by their id."""
    stored = job.unseal("result", services.keyring) or b"{}"
    return {each["id"]: each for each in json.loads(stored).get("facts", [])}


def _check(body: Review, facts: Facts) -> None:
    """Raise 422 for a fact that the result does not have, and for what a fact of its kind does not have."""
    named = [(f"/facts/{number}", fact) for number, fact in enumerate(body.facts)]
    named += [(f"/corrections/{number}/fact_id", each.fact_id) for number, each in enumerate(body.corrections)]
    for place, fact_id in named:
        if fact_id not in facts:
            raise invalid(place, "this result has no such fact")
    for number, each in enumerate(body.corrections):
        odd = misfit(each, facts[each.fact_id])
        if odd is not None:
            name, why = odd
            raise invalid(f"/corrections/{number}/{name}", why)


def _written(job: Job, stored: Stored, facts: Facts) -> Written:
    said = stored.review
    named = (place.partition("#")[0] for place in dict(touched(stored, places(facts.values()))))
    return Written(
        review_id=stored.id,
        job_id=job.id,
        action=said.action,
        reviewer=stored.reviewer,
        created_at=datetime.fromtimestamp(stored.created_at, UTC),
        facts=said.facts,
        corrections=said.corrections,
        note=said.note,
        resources=tuple(dict.fromkeys(named)),
    )
