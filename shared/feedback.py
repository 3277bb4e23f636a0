"""Feedback: what people say of a result for the sake of the models, sealed with its job's key and gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import sqlalchemy as sa
import uuid_utils
from pydantic import Field, model_validator

from shared import audit, tables, tally
from shared.audit import Actor
from shared.crypto import JobKey
from shared.database import clock
from shared.errors import TooManyReviewsError
from shared.job import Frozen, JobStatus, StageName

if TYPE_CHECKING:
    from shared.ledger import Job

_feedback, _job = tables.feedback, tables.job
MOST = 1_000  # statements about one job
GOOD, POOR = 4, 2
"""Ratings from which, and up to which, a version counts as right or wrong; 3 of 5 says neither."""
Target = Literal["result", "category", "summary", "recommendation", "fact"]
JUDGED = (
    *(StageName.EXTRACT, StageName.CLASSIFY, StageName.SUMMARIZE, StageName.RECOMMEND),
    StageName.DETERIORATE,
)
STAGES: dict[str, tuple[StageName, ...]] = {
    "result": JUDGED,
    "fact": (StageName.EXTRACT,),
    "category": (StageName.CLASSIFY,),
    "summary": (StageName.SUMMARIZE,),
    "recommendation": (StageName.RECOMMEND,),
}
"""By what is meant, the stages whose versions are counted."""


class Feedback(Frozen):
    """One statement about a result, or about one thing in it."""

    target: Target = Field("result", description="what is meant")
    item: Annotated[str, Field(min_length=1, max_length=40)] | Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        None, description="the id of a fact; the place, from 0, of a sentence of the summary or of a recommendation"
    )
    helpful: bool | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = Field(None, description="1 is useless, 5 could not be better")
    correct: Annotated[str, Field(min_length=1, max_length=4_000)] | None = Field(
        None, description="what should stand there; for a category its name"
    )
    comment: Annotated[str, Field(min_length=1, max_length=4_000)] | None = None

    @model_validator(mode="after")
    def _refuse_what_says_nothing(self) -> Feedback:
        if self.helpful is None and self.rating is None and self.correct is None and self.comment is None:
            raise ValueError("say at least one of helpful, rating, correct, comment")
        if self.target == "fact" and not isinstance(self.item, str):
            raise ValueError("for a fact, item is its id")
        if self.target in {"result", "category"} and self.item is not None:
            raise ValueError("item goes with a fact, a sentence of the summary or a recommendation")
        if self.target == "result" and self.correct is not None:
            raise ValueError("correct goes with a target that is one thing")
        return self

    @property
    def right(self) -> bool | None:
        """Whether this says that the model was right; None where it says neither."""
        if self.correct is not None:
            return False
        if self.helpful is not None:
            return self.helpful
        if self.rating is None or POOR < self.rating < GOOD:
            return None
        return self.rating >= GOOD


@dataclass(frozen=True, slots=True)
class Said:
    """Feedback as it was written."""

    id: str
    author: str
    """user:<id> or key:<id>."""
    created_at: float
    feedback: Feedback


def add(connection: sa.Connection, job: Job, who: Actor, given: Feedback, key: JobKey) -> Said | None:
    """Write it down, count it for the versions that are meant, and leave a row in the audit trail.

    None where the job is no longer there. Raises TooManyReviewsError.
    """
    held = sa.select(_job.c.id).where(_job.c.id == job.id, _job.c.status == JobStatus.COMPLETED.value)
    if connection.execute(held.where(_job.c.purged_at.is_(None)).with_for_update()).first() is None:
        return None  # the lock holds off a deletion, which must find what it has to remove
    if count(connection, job.id) >= MOST:
        raise TooManyReviewsError(f"a result takes {MOST} statements of feedback")
    name = str(uuid_utils.uuid7())
    content = key.seal(given.model_dump_json(exclude_defaults=True).encode(), f"feedback|{name}")
    row = {"id": name, "tenant": job.tenant, "job_id": job.id, "author": who.name, "target": given.target}
    written = sa.insert(_feedback).values(**row, content=content, created_at=clock())
    at = float(connection.execute(written.returning(_feedback.c.created_at)).scalar_one())
    audit.record(connection, who, "feedback_given", job_id=job.id, outcome=given.target)
    if given.right is not None:
        tally.said(connection, job.id, STAGES[given.target], right=given.right)
    return Said(name, who.name, at, given)


def count(connection: sa.Connection, job_id: str) -> int:
    """How many statements there are about a job."""
    query = sa.select(sa.func.count()).select_from(_feedback).where(_feedback.c.job_id == job_id)
    return int(connection.execute(query).scalar_one())


def told(connection: sa.Connection, job_id: str, key: JobKey) -> list[Said]:
    """All feedback about a job in clear, oldest first."""
    query = sa.select(_feedback).where(_feedback.c.job_id == job_id).order_by(_feedback.c.created_at, _feedback.c.id)
    return [
        Said(
            row.id,
            row.author,
            row.created_at,
            Feedback.model_validate_json(key.open(row.content, f"feedback|{row.id}")),
        )
        for row in connection.execute(query)
    ]


def forget(connection: sa.Connection, job_ids: Sequence[str]) -> None:
    """Remove what was said of jobs whose keys are destroyed."""
    connection.execute(sa.delete(_feedback).where(_feedback.c.job_id.in_(job_ids)))
