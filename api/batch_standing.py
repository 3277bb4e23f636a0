"""Where a batch stands: its counts and, if asked for, each of its items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field

from api.errors import ProblemError
from api.reading import like_an_id
from api.services import Services
from api.standing import Ended
from api.submitting import API
from shared import batches
from shared.batches import Batch, Flaw, Item, Rejected, Tally
from shared.job import JobStatus, Priority

Word = Literal["running", "completed"]
REJECTED: Literal["rejected"] = "rejected"


class Problem(BaseModel):
    """Why an item was not taken."""

    code: str
    detail: str
    errors: tuple[Flaw, ...] = ()


class BatchItem(BaseModel):
    """One item."""

    index: int = Field(description="its place among the items as they were sent, from 0")
    job_id: str | None = None
    status: JobStatus | Literal["rejected"]
    progress: float | None = None
    reason: Ended | None = Field(None, description="why it ended without a result")
    problem: Problem | None = Field(None, description="why it was not taken")


class BatchState(BaseModel):
    """How far a batch is."""

    batch_id: str
    status: Word = Field(description="completed once none of its jobs is open, however they ended")
    priority: Priority
    created_at: datetime
    finished_at: datetime | None = None
    total: int = Field(description="items that were sent, the rejected ones too")
    rejected: int
    counts: dict[JobStatus, int] = Field(description="its jobs by status")
    progress: float = Field(description="share of the work that is done, 0 to 1")
    results_url: str
    events_url: str
    ws_url: str
    items: list[BatchItem] | None = None


class BatchList(BaseModel):
    """Batches, newest first."""

    batches: list[BatchState]
    next: str | None = Field(None, description="give it as `after` to go on; absent at the end")


async def find(services: Services, tenant: str, batch_id: str) -> Batch:
    """The batch. Raises ProblemError 404, one and the same for one that never was and for another tenant's."""
    found = None
    if like_an_id(batch_id):
        found = await services.reader.find(lambda connection: batches.find(connection, batch_id, tenant=tenant))
    if found is None:
        raise ProblemError(404, "batch_not_found", "There is no such batch.")
    return found


async def standing(services: Services, batch: Batch, *, with_items: bool) -> BatchState:
    """Its state as it is now."""

    def look(connection: sa.Connection) -> tuple[Tally, list[Item]]:
        tally = batches.tallies(connection, [batch.id])[batch.id]
        return tally, batches.items(connection, batch.id) if with_items else []

    tally, items = await services.reader.run(look)
    known = state(batch, tally)
    return known.model_copy(update={"items": _items(items, batch.rejected)}) if with_items else known


async def listed(services: Services, tenant: str, *, after: str | None, most: int) -> BatchList:
    """So many of the tenant's batches, newest first."""

    def look(connection: sa.Connection) -> tuple[list[Batch], dict[str, Tally]]:
        found = batches.listed(connection, tenant, after=after, most=most + 1)
        return found, batches.tallies(connection, [each.id for each in found])

    found, tallies = await services.reader.run(look)
    shown = found[:most]
    more = shown[-1].id if len(found) > most else None
    return BatchList(batches=[state(each, tallies[each.id]) for each in shown], next=more)


def state(batch: Batch, tally: Tally) -> BatchState:
    """The batch as clients see it, without its items."""
    here = f"{API}/batch/{batch.id}"
    return BatchState(
        batch_id=batch.id,
        status="running" if tally.open else "completed",
        priority=batch.priority,
        created_at=datetime.fromtimestamp(batch.created_at, UTC),
        finished_at=None if tally.finished_at is None else datetime.fromtimestamp(tally.finished_at, UTC),
        total=batch.items,
        rejected=len(batch.rejected),
        counts=tally.counts,
        progress=round(tally.progress, 4),
        results_url=f"{here}/results",
        events_url=f"{here}/events",
        ws_url=f"{API}/ws/batch/{batch.id}",
    )


def refused(item: Rejected) -> BatchItem:
    """An item that was not taken."""
    problem = Problem(code=item.code, detail=item.detail, errors=item.errors)
    return BatchItem(index=item.index, status=REJECTED, problem=problem)


def _items(items: Sequence[Item], rejected: Sequence[Rejected]) -> list[BatchItem]:
    taken = [
        BatchItem(
            index=item.index,
            job_id=item.job_id,
            status=item.status,
            progress=round(item.progress, 4),
            reason=Ended(code=item.reason.code, detail=item.reason.detail) if item.reason else None,
        )
        for item in items
    ]
    return sorted([*taken, *map(refused, rejected)], key=lambda each: each.index)
