"""The results of a batch as NDJSON: one line an item that has ended, read from the rows a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import sqlalchemy as sa
import structlog

from api.batch_standing import refused
from api.security.guard import identify
from api.services import Services
from api.standing import Ended, Place, state
from api.submitting import API
from shared import audit, batches
from shared.audit import Actor
from shared.batches import Batch
from shared.errors import BackingServiceError, DecryptionError
from shared.job import JobStatus
from shared.ledger import Job

log = structlog.get_logger()
AT_ONCE = 20  # results in memory; the largest have some megabytes
GONE = Ended(code="expired", detail="its content was deleted, by a client or by retention")
SEALED_FOR_GOOD = Ended(code="undecryptable", detail="its result cannot be opened: is its master key configured?")


async def lines(
    services: Services, actor: Actor, batch: Batch, *, since: int, follow: str | None
) -> AsyncIterator[bytes]:
    """What has ended, by index, of the items behind index `since`.

    With `follow`, the key or token of whoever asks, it goes on as items end, until none is open or the key is over.
    """
    rejected = {item.index: item for item in batch.rejected if item.index > since}
    told: set[int] = set()
    with services.hub.gathering(batch.id) as news:
        while True:
            ended, still_open = await services.reader.run(lambda connection: _look(connection, batch.id, since))
            fresh = sorted((rejected.keys() | ended) - told)
            for begin in range(0, len(fresh), AT_ONCE):
                few = fresh[begin : begin + AT_ONCE]
                jobs = await _read(services, actor, batch, [index for index in few if index not in rejected])
                told_now = {
                    index: refused(rejected[index]).model_dump_json(exclude_none=True).encode() + b"\n"
                    for index in few
                    if index in rejected
                } | jobs
                yield b"".join(told_now[index] for index in few if index in told_now)
            told.update(fresh)
            if follow is None or not still_open:
                return
            if await identify(services, follow) is None:
                raise BackingServiceError("a results stream outlived its token")  # cut off, not ended in silence
            with suppress(TimeoutError):
                await news.next(services.settings.socket_reread_s)
            if not fresh:
                yield b"\n"  # a sign of life for whatever stands between; readers of NDJSON skip it


def _look(connection: sa.Connection, batch_id: str, since: int) -> tuple[set[int], int]:
    still_open = batches.tallies(connection, [batch_id])[batch_id].open  # first: what ends meanwhile is not missed
    return set(batches.ended(connection, batch_id, after=since)), still_open


async def _read(services: Services, actor: Actor, batch: Batch, indexes: Sequence[int]) -> dict[int, bytes]:
    if not indexes:
        return {}

    def look(connection: sa.Connection) -> dict[int, tuple[bytes, Job]]:
        jobs = batches.jobs(connection, batch.id, indexes, sealed=("result",))
        return {job.batch_index: (_document(services, job), job) for job in jobs if job.batch_index is not None}

    found = await services.reader.run(look)
    for _, job in found.values():
        if job.sealed:
            services.writer.post(audit.record_all, (actor, "result_read", job.id))
    return {index: line for index, (line, _) in found.items()}


def _document(services: Services, job: Job) -> bytes:
    """The document of GET /result, behind the item's index, as one line."""
    known = state(job, Place(), f"{API}/result/{job.id}")
    result = None
    if job.purged_at is not None or job.status is JobStatus.EXPIRED:
        gone = {"status": JobStatus.EXPIRED, "reason": GONE, "fhir_bundle_url": None, "transcript_url": None}
        known = known.model_copy(update=gone)
    else:
        try:
            result = job.unseal("result", services.keyring)
        except DecryptionError as error:
            log.warning("result not opened", job_id=job.id, reason=error.code)
            known = known.model_copy(update={"reason": SEALED_FOR_GOOD})
    head = f'{{"index":{job.batch_index},'.encode() + known.model_dump_json(exclude_none=True).encode()[1:]
    return (head if result in {None, b"{}"} else head[:-1] + b"," + (result or b"")[1:]) + b"\n"
