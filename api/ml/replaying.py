"""A finished job run again with a stage pinned to one version, as a job of its own that leaves the first one alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
import uuid_utils

from api.errors import ProblemError, invalid
from api.ml.pins import Pin
from api.services import Services
from api.submitting import Submission
from shared import audit, ledger
from shared import case as cases
from shared.audit import Actor
from shared.case import Case, Origin
from shared.crypto import JobKey
from shared.job import Audio, Document, JobRequest, JobStatus, Source, StageName
from shared.ledger import Job

HEARD = (StageName.READ, StageName.TRANSCRIBE)
"""What makes text of what is no text: run again only where the version is one of theirs."""
BEGIN_WITH_IT = ("text", "series")
"""Sources of which the request holds all that the job works on."""


async def replay(services: Services, actor: Actor, job: Job, pin: Pin) -> str:
    """Write the job that does it again and wake a worker; its id. `job` carries its payload and its case.

    Raises ProblemError 409 for a job without a result, 410 where its content is gone, 422 where it never ran the stage.
    """
    if job.status is not JobStatus.COMPLETED or job.key is None:
        raise ProblemError(409, "not_completed", f"The job is {job.status.value}: only completed jobs are run again.")
    if pin.stage not in job.stages:
        raise invalid("/job_id", f"this job did not run {pin.stage.value}")
    payload = job.unseal("payload", services.keyring)
    if payload is None:
        raise _gone()
    request = JobRequest.model_validate_json(payload)
    await services.gate.check()
    name = str(uuid_utils.uuid7())
    wrapped, key = services.keyring.new(job.tenant, name)
    anew = pin.stage in HEARD or job.source in BEGIN_WITH_IT
    changes, blob = await _content(services, job, request, key) if anew else ({}, None)
    asked = request.model_copy(
        update={**changes, "versions": {pin.stage: pin.version_id}, "replay_of": job.id, "callback_url": None}
    )
    submission = Submission(
        job_id=name,
        options=asked,
        payload=asked.model_dump_json().encode(),
        body_hash=services.fingerprint.of(name.encode()),
        content_hash=None,  # it is run, and shared with nobody
        stages=job.stages if anew else tuple(each for each in job.stages if each not in HEARD),
        source=cast("Source", job.source),
        size=job.size,
        wrapped=wrapped,
        key=key,
        blob=blob,
    )
    new = submission.row(services.settings, job.tenant, notify=False)
    if not anew:
        new = replace(new, case_file=key.seal(cases.to_json(_begun(services, job, asked, name)), "case_file"))

    def act(connection: sa.Connection) -> None:
        ledger.add(connection, new)
        audit.record(connection, actor, "submitted", job_id=name)
        audit.record(connection, actor, "replayed_on_version", job_id=job.id, outcome=name)

    await services.writer.run(act)
    services.queue.send(name)
    return name


async def _content(
    services: Services, job: Job, request: JobRequest, key: JobKey
) -> tuple[Mapping[str, Any], str | None]:
    """The recording or document once more, sealed with the new job's key; a text is part of the request already."""
    stored: Audio | Document | None = request.audio or request.document
    if stored is None:
        return {}, None
    if job.blob is None or job.key is None:
        raise _gone()
    old = services.keyring.unwrap(job.key, job.tenant, job.id)

    def copy() -> str:
        return services.blobs.put(key.seal_chunks(old.open_chunks(services.blobs.get(stored.blob))))

    blob = await asyncio.to_thread(copy)
    return {"audio" if request.audio is not None else "document": stored.model_copy(update={"blob": blob})}, blob


def _begun(services: Services, job: Job, request: JobRequest, name: str) -> Case:
    """The case as it stood once its text was there: what was heard or read before is not done again."""
    stored = job.unseal("case_file", services.keyring)
    if stored is None:
        raise _gone()
    known = cases.from_json(stored)
    origin = Origin(
        job_id=name,
        tenant=job.tenant,
        received_at=datetime.now(UTC).replace(microsecond=0),
        patient=request.patient,
        encounter=request.encounter,
        audio=request.audio,
        document=request.document,
        explain=request.explain,
    )
    before = {each.stage for each in known.models if each.stage in HEARD}
    return Case(
        origin,
        text=known.text,
        language=known.language,
        segments=known.segments,
        pages=known.pages,
        models=tuple(each for each in known.models if each.stage in before),
    )


def _gone() -> ProblemError:
    return ProblemError(410, "content_gone", "What this job works on was deleted, by a client or by retention.")
