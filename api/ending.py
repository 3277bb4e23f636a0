"""The end of one job at its owner's wish: cancelled if it is open, and the key of all that it holds destroyed."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
import structlog

from api.services import Services
from shared import ledger
from shared.audit import Actor
from shared.broker import Event
from shared.errors import BackingServiceError
from shared.job import JobStatus
from shared.ledger import Job

log = structlog.get_logger()


async def end(services: Services, actor: Actor, job: Job) -> JobStatus:
    """Cancel and purge the job in one transaction; the state that it ended in.

    A worker that finishes at that very moment is either before it, and its result is destroyed, or behind it, and
    writes nothing.
    """
    status = await services.writer.run(lambda connection: _cancel_and_purge(connection, job, actor))
    if status is JobStatus.CANCELLED:
        services.queue.publish(Event(job.id, status.value, status, progress=job.progress, batch_id=job.batch_id))
    if job.blob is not None:
        await _remove(services, job.blob)
    return status


def _cancel_and_purge(connection: sa.Connection, job: Job, who: Actor) -> JobStatus:
    ledger.cancel(connection, job, who)
    ledger.purge(connection, job, who)
    now = ledger.get(connection, job.id)
    return job.status if now is None else now.status


async def _remove(services: Services, blob: str) -> None:
    try:
        await asyncio.to_thread(services.blobs.delete, blob)
    except BackingServiceError as error:  # its key is destroyed: what lies there cannot be read by anyone
        log.warning("blob not removed", reason=str(error))
