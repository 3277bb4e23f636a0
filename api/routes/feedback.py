"""Feedback on a result, for the sake of the models: what was helpful, and what should have stood there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.deps import Here, actor
from api.errors import ProblemError, invalid, not_found
from api.routes.review import completed
from api.security.guard import guarded
from shared import audit, feedback
from shared.feedback import Feedback, Said

readable = APIRouter(tags=["review"], route_class=guarded("read"))
givable = APIRouter(tags=["review"], route_class=guarded("review"))
LISTS = {"summary": "summary", "recommendation": "recommendations"}
"""By target, the list of the result in which an item counts."""


class Given(Feedback):
    """Feedback as it was written."""

    feedback_id: str
    job_id: str
    author: str = Field(description="user:<id> or key:<id>")
    created_at: datetime


class AllGiven(BaseModel):
    """All feedback on a result, oldest first."""

    feedback: list[Given]


@givable.post("/result/{job_id}/feedback", status_code=201, response_model_exclude_defaults=True)
async def give(services: Here, request: Request, job_id: str, body: Feedback) -> Given:
    """Say whether a result, or one thing in it, was right; it counts for the versions that made it."""
    job, key = await completed(services, request, job_id, "give feedback on")
    _check(body, json.loads(job.unseal("result", services.keyring) or b"{}"))
    said = await services.writer.run(lambda connection: feedback.add(connection, job, actor(request), body, key))
    if said is None:
        raise not_found()  # it was deleted in this moment
    return _given(job.id, said)


@readable.get("/result/{job_id}/feedback", response_model_exclude_defaults=True)
async def given(services: Here, request: Request, job_id: str) -> AllGiven:
    """What was said of this result so far, oldest first."""
    job, key = await completed(services, request, job_id, "read feedback on")
    services.writer.post(audit.record_all, (actor(request), "feedback_read", job.id))
    found = await services.reader.find(lambda connection: feedback.told(connection, job.id, key))
    return AllGiven(feedback=[_given(job.id, each) for each in found])


def _check(body: Feedback, result: Mapping[str, Any]) -> None:
    """Raise 422 for what the result does not have."""
    if body.target == "fact" and body.item not in {each["id"] for each in result.get("facts", [])}:
        raise invalid("/item", "this result has no such fact")
    if body.target in LISTS and body.item is not None:
        most = len(result.get(LISTS[body.target], []))
        if not isinstance(body.item, int) or body.item >= most:
            raise invalid("/item", f"this result has {most} of them: give the place of one, from 0")
    if body.target == "category":
        judged = result.get("classification")
        if judged is None:
            raise ProblemError(409, "not_classified", "This result has no category: its stages were others.")
        if body.correct is not None and body.correct not in judged["all_scores"]:
            raise invalid("/correct", f"a category is one of: {', '.join(sorted(judged['all_scores']))}")


def _given(job_id: str, said: Said) -> Given:
    return Given(
        **dict(said.feedback),
        feedback_id=said.id,
        job_id=job_id,
        author=said.author,
        created_at=datetime.fromtimestamp(said.created_at, UTC),
    )
