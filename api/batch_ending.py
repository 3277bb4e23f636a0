"""Ending a batch before its time: its open jobs are cancelled, or all that its jobs hold is destroyed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

import sqlalchemy as sa
import structlog

from api.services import Services
from shared import batches, ledger
from shared.audit import Actor
from shared.batches import Batch
from shared.broker import Event
from shared.errors import BackingServiceError
from shared.job import JobStatus
from shared.ledger import Job

log = structlog.get_logger()
AT_ONCE = 100  # jobs in one transaction: others write between two


async def cancel(services: Services, who: Actor, batch: Batch) -> int:
    """Cancel what is open; how many jobs that were."""
    many = 0
    for indexes in _slices(batch):
        cancelled = await services.writer.run(partial(_cancel, who=who, batch=batch, indexes=indexes))
        for job in cancelled:
            status = JobStatus.CANCELLED
            services.queue.publish(Event(job.id, status.value, status, progress=job.progress, batch_id=batch.id))
        many += len(cancelled)
    return many


async def purge(services: Services, who: Actor, batch: Batch) -> list[str]:
    """Destroy the keys of all jobs, which have ended; the recordings that nobody can read any more, to be removed."""
    blobs: list[str] = []
    for indexes in _slices(batch):
        blobs += await services.writer.run(partial(_purge, who=who, batch=batch, indexes=indexes))
    await services.writer.run(lambda connection: batches.forget_key(connection, batch.id))
    return blobs


async def remove(services: Services, blobs: Iterable[str]) -> None:
    """Remove recordings; what a store that is away keeps, nobody can read."""
    try:
        for blob in blobs:
            await asyncio.to_thread(services.blobs.delete, blob)
    except BackingServiceError as error:
        log.warning("blobs not removed", reason=str(error))


def _slices(batch: Batch) -> list[Sequence[int]]:
    return [range(begin, begin + AT_ONCE) for begin in range(0, batch.items, AT_ONCE)]


def _cancel(connection: sa.Connection, who: Actor, batch: Batch, indexes: Sequence[int]) -> list[Job]:
    jobs = [job for job in batches.jobs(connection, batch.id, indexes) if not job.status.terminal]
    cancelled = set(ledger.cancel_all(connection, [job.id for job in jobs], who))
    return [job for job in jobs if job.id in cancelled]


def _purge(connection: sa.Connection, who: Actor, batch: Batch, indexes: Sequence[int]) -> list[str]:
    jobs = batches.jobs(connection, batch.id, indexes)
    purged = set(ledger.purge_all(connection, [job.id for job in jobs], who))
    return [job.blob for job in jobs if job.id in purged and job.blob is not None]
