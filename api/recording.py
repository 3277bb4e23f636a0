"""Taking a recording: check what it is, seal it into the blob store, and write its job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import IO

import sqlalchemy as sa
import uuid_utils
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.errors import ProblemError, invalid
from api.services import Services
from api.submitting import Submission, Taken, canonical, content_hash, hashed_key, replay, stages_of, write
from api.upload import Upload
from shared import ledger, tables
from shared.audit import Actor
from shared.crypto import CHUNK_BYTES, JobKey
from shared.job import Audio, JobOptions, JobRequest
from shared.ledger import Job
from shared.probe import Limits, Probe, probe

AS_JSON = frozenset({"patient", "encounter", "stages", "metadata"})


async def take_recording(
    services: Services, actor: Actor, upload: Upload, options: JobOptions, idempotency_key: str | None
) -> Taken:
    """Take a recording. Raises ProblemError as take_text does, or BadAudioError for what cannot be decoded."""
    stages = stages_of(options.stages, audio=True)
    await services.gate.check()
    hashed = hashed_key(idempotency_key)
    asked = services.fingerprint.of(canonical(options), upload.sha256.encode())
    async with services.decoders:
        measured = await asyncio.to_thread(probe, upload.path, Limits(duration_s=services.settings.max_audio_s))
        if hashed is not None and (before := await _before(services, actor.tenant, hashed)) is not None:
            return replay(before, asked)
        job_id = str(uuid_utils.uuid7())
        wrapped, key = services.keyring.new(actor.tenant, job_id)
        blob = await asyncio.to_thread(services.blobs.put, _sealed(upload.file, key))
    submission = Submission(
        job_id=job_id,
        options=options,
        payload=_request(options, upload, measured, blob=blob).model_dump_json().encode(),
        body_hash=asked,
        content_hash=content_hash(services, options, stages, upload.sha256.encode()),
        stages=stages,
        source="audio",
        size=measured.duration_s,
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
    return taken  # whatever else was raised, the row may be there: a recording without one is swept up later


def read_options(fields: dict[str, str]) -> JobOptions:
    """The form's fields as the JSON body's: objects as JSON, stages as JSON or with commas between."""
    values: dict[str, object] = {}
    for name, text in fields.items():
        if text == "":
            continue
        if name == "stages" and not text.lstrip().startswith("["):
            values[name] = [part.strip() for part in text.split(",")]
        elif name in AS_JSON:
            values[name] = _json(name, text)
        else:
            values[name] = text
    try:
        return JobOptions.model_validate(values)
    except ValidationError as error:
        located = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(located) from None


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"/{name}", "this field holds JSON") from error


async def _before(services: Services, tenant: str, hashed: str) -> Job | None:
    same = (tables.job.c.tenant == tenant) & (tables.job.c.idempotency_key == hashed)

    def find(connection: sa.Connection) -> Job | None:
        job_id = connection.execute(sa.select(tables.job.c.id).where(same)).scalar_one_or_none()
        return None if job_id is None else ledger.get(connection, job_id, tenant=tenant)

    return await services.reader.run(find)


def _request(options: JobOptions, upload: Upload, measured: Probe, *, blob: str) -> JobRequest:
    audio = Audio(
        blob=blob,
        content_type=measured.content_type,
        sha256=upload.sha256,
        size_bytes=upload.size_bytes,
        duration_s=measured.duration_s,
        channels=measured.channels,
        sample_rate_hz=measured.sample_rate_hz,
    )
    return JobRequest(**dict(options), audio=audio)


def _sealed(file: IO[bytes], key: JobKey) -> Iterator[bytes]:
    file.seek(0)
    return key.seal_chunks(iter(lambda: file.read(CHUNK_BYTES), b""))
