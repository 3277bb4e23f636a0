"""Taking a file: look at it, seal it into the blob store, and write the job that reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import sqlalchemy as sa
import uuid_utils

from api.errors import ProblemError
from api.services import Services
from api.submitting import Submission, Taken, canonical, content_hash, hashed_key, replay, stages_of, write
from api.upload import Upload
from shared import ledger, tables
from shared.audit import Actor
from shared.crypto import CHUNK_BYTES, JobKey
from shared.job import Audio, Document, JobOptions, JobRequest, Source
from shared.ledger import Job


@dataclass(frozen=True, slots=True)
class Examined:
    """A file that may be taken."""

    size: float
    """In the units by which the speed of its source is measured."""
    record: Callable[[str], Audio | Document]
    """What the job keeps of it, once the key in the blob store is known."""


async def take_file(
    services: Services,
    actor: Actor,
    upload: Upload,
    options: JobOptions,
    idempotency_key: str | None,
    *,
    source: Source,
    examine: Callable[[Upload], Examined],
) -> Taken:
    """Take a file; `examine` runs in a thread and raises for what is refused. Raises ProblemError as take_text does."""
    stages = stages_of(options.stages, source)
    await services.gate.check()
    hashed = hashed_key(idempotency_key)
    asked = services.fingerprint.of(canonical(options), upload.sha256.encode())
    async with services.decoders:
        examined = await asyncio.to_thread(examine, upload)
        if hashed is not None and (before := await _before(services, actor.tenant, hashed)) is not None:
            return replay(before, asked)
        job_id = str(uuid_utils.uuid7())
        wrapped, key = services.keyring.new(actor.tenant, job_id)
        blob = await asyncio.to_thread(services.blobs.put, _sealed(upload.file, key))
    kept: dict[str, Any] = {source: examined.record(blob)}
    submission = Submission(
        job_id=job_id,
        options=options,
        payload=JobRequest(**dict(options), **kept).model_dump_json().encode(),
        body_hash=asked,
        content_hash=content_hash(services, options, stages, upload.sha256.encode()),
        stages=stages,
        source=source,
        size=examined.size,
        wrapped=wrapped,
        key=key,
        idempotency_key=hashed,
        blob=blob,
    )
    try:
        taken = await write(services, actor, submission)
    except ProblemError:
        await asyncio.to_thread(services.blobs.delete, blob)
        raise
    if taken.replayed:
        await asyncio.to_thread(services.blobs.delete, blob)
    return taken  # whatever else was raised, the row may be there: a file without one is swept up later


async def _before(services: Services, tenant: str, hashed: str) -> Job | None:
    same = (tables.job.c.tenant == tenant) & (tables.job.c.idempotency_key == hashed)

    def find(connection: sa.Connection) -> Job | None:
        job_id = connection.execute(sa.select(tables.job.c.id).where(same)).scalar_one_or_none()
        return None if job_id is None else ledger.get(connection, job_id, tenant=tenant)

    return await services.reader.run(find)


def _sealed(file: IO[bytes], key: JobKey) -> Iterator[bytes]:
    file.seek(0)
    return key.seal_chunks(iter(lambda: file.read(CHUNK_BYTES), b""))
