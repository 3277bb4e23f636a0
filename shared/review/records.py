"""The table of reviews: each is sealed with its job's key, and gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
import uuid_utils

from shared import audit, tables
from shared.audit import Actor
from shared.crypto import JobKey
from shared.database import clock
from shared.errors import ReviewedSinceError, TooManyReviewsError
from shared.job import JobStatus
from shared.review.asked import Review

if TYPE_CHECKING:
    from shared.ledger import Job

_review, _job = tables.review, tables.job


@dataclass(frozen=True, slots=True)
class Stored:
    """A review as it was written."""

    id: str
    reviewer: str
    """user:<id> or key:<id>."""
    created_at: float
    review: Review


MOST = 1_000
"""Reviews of one job: each is read whenever the Bundle is."""


NONE = "0"
"""What stands for the last review where there is none."""


def add(
    connection: sa.Connection, job: Job, who: Actor, review: Review, key: JobKey, *, seen: str | None = None
) -> Stored | None:
    """Write it with its row in the audit trail; None where the job is no longer there to be reviewed.

    Raises TooManyReviewsError; and ReviewedSinceError where `seen` is not the last review's id (NONE: there was none).
    """
    here = (_job.c.id == job.id) & (_job.c.status == JobStatus.COMPLETED.value) & _job.c.purged_at.is_(None)
    # The lock holds off a deletion until this is written, so that it finds what it has to remove.
    if connection.execute(sa.select(_job.c.id).where(here).with_for_update()).first() is None:
        return None
    so_far = [row.id for row in sealed(connection, job.id)]
    if seen is not None and seen != last(so_far):
        raise ReviewedSinceError("somebody has reviewed this result since: read its reviews again")
    if len(so_far) >= MOST:
        raise TooManyReviewsError(f"a result takes {MOST} reviews: name more facts in each")
    review_id = str(uuid_utils.uuid7())
    row = {
        "id": review_id,
        "tenant": job.tenant,
        "job_id": job.id,
        "reviewer": who.name,
        "action": review.action,
        "content": key.seal(review.model_dump_json(exclude_defaults=True).encode(), _purpose(review_id)),
    }
    written = sa.insert(_review).values(row | {"created_at": clock()}).returning(_review.c.created_at)
    at = float(connection.execute(written).scalar_one())
    audit.record(connection, who, "reviewed", job_id=job.id, outcome=review.action)
    return Stored(review_id, who.name, at, review)


def last(ids: Sequence[str]) -> str:
    """The last of a job's reviews, oldest first; NONE where there is none."""
    return ids[-1] if ids else NONE


def sealed(connection: sa.Connection, job_id: str) -> Sequence[sa.Row[str, str, float, bytes]]:
    """The rows of a job's reviews, oldest first, as `opened` takes them."""
    columns = (_review.c.id, _review.c.reviewer, _review.c.created_at, _review.c.content)
    return connection.execute(
        sa.select(*columns).where(_review.c.job_id == job_id).order_by(_review.c.created_at, _review.c.id)
    ).all()


def opened(rows: Sequence[sa.Row[str, str, float, bytes]], key: JobKey) -> list[Stored]:
    """The reviews in clear."""
    return [
        Stored(
            row.id, row.reviewer, row.created_at, Review.model_validate_json(key.open(row.content, _purpose(row.id)))
        )
        for row in rows
    ]


def forget(connection: sa.Connection, job_ids: Sequence[str]) -> None:
    """Remove the reviews of jobs whose keys are destroyed."""
    connection.execute(sa.delete(_review).where(_review.c.job_id.in_(job_ids)))


def _purpose(review_id: str) -> str:
    return f"review|{review_id}"
