"""A batch as FHIR bulk data: a manifest of what came of it, and a file of NDJSON for each type of resource.

The files are written while they are read, from a few Bundles at a time: no batch is too long for the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from api.batch_results import GONE, SEALED_FOR_GOOD
from api.fhir.outcome import Issue, at, outcome, told
from api.reviewed import rewritten
from api.services import Services
from api.standing import Ended
from api.submitting import API
from shared import audit, batches, bundle_forms, fhir_json
from shared.audit import Actor
from shared.batches import Batch, Rejected, Tally
from shared.errors import DecryptionError
from shared.fhir_json import Resource
from shared.job import JobStatus
from shared.ledger import Job

FHIR_NDJSON = "application/fhir+ndjson"
SUFFIX = ".ndjson"
ERRORS = "OperationOutcome"
AT_ONCE = 20  # Bundles in memory; the largest have some hundred kilobytes
ASK_AGAIN_S = 5
OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
NO_BUNDLE = Ended(code="no_bundle", detail="its Bundle broke FHIR's rules and was not written; the result says which")


@dataclass(slots=True)
class Slice:
    """What a few jobs of a batch gave."""

    read: list[str] = field(default_factory=list)
    """Ids of the jobs whose Bundles were opened."""
    resources: list[Resource] = field(default_factory=list)
    errors: list[Resource] = field(default_factory=list)
    """An OperationOutcome for each job that has ended without a Bundle."""


async def manifest(services: Services, batch: Batch, base: str, *, asked: str) -> Response:
    """202 with X-Progress while jobs are open; then 200 with the addresses of the files and how much each holds."""
    tally = await services.reader.run(lambda connection: batches.tallies(connection, [batch.id])[batch.id])
    if tally.open:
        progress = f"{tally.open} of {sum(tally.counts.values())} jobs are open, {round(tally.progress * 100)} % done"
        return told(202, progress, {"X-Progress": progress, "Retry-After": str(ASK_AGAIN_S)})
    counts: Counter[str] = Counter()
    known: set[str] = set()
    errors = len(batch.rejected)
    async for found in _slices(services, batch):
        counts.update(each["resourceType"] for each in _fresh(found.resources, known))
        errors += len(found.errors)
    here = f"{base}{API}/batch/{batch.id}/results"
    document = {
        "transactionTime": _ended_at(batch, tally),
        "request": asked,
        "requiresAccessToken": True,
        "output": [_file(here, kind, count) for kind, count in sorted(counts.items())],
        "error": [_file(here, ERRORS, errors)] if errors else [],
    }
    return Response(fhir_json.write(document), media_type="application/json")


async def lines(services: Services, actor: Actor, batch: Batch, kind: str) -> AsyncIterator[bytes]:
    """All resources of this type, each once, one a line; of OperationOutcome: why items gave no Bundle."""
    if kind == ERRORS:
        yield _written([_rejected(each) for each in batch.rejected])
    known: set[str] = set()
    async for found in _slices(services, batch):
        if kind == ERRORS:
            yield _written(found.errors)
            continue
        for job_id in found.read:
            services.writer.post(audit.record_all, (actor, "bundle_read", job_id))
        yield _written([each for each in _fresh(found.resources, known) if each["resourceType"] == kind])


async def _slices(services: Services, batch: Batch) -> AsyncIterator[Slice]:
    for begin in range(0, batch.items, AT_ONCE):
        indexes = range(begin, min(begin + AT_ONCE, batch.items))

        def look(connection: sa.Connection, indexes: range = indexes) -> Slice:
            found = Slice()
            for job in batches.jobs(connection, batch.id, indexes, sealed=("bundle",)):
                _open(connection, services, job, found)
            return found

        yield await services.reader.run(look)


def _open(connection: sa.Connection, services: Services, job: Job, found: Slice) -> None:
    if job.status in OPEN:
        return
    reason = _without(job)
    if reason is None:
        try:
            stored = job.unseal("bundle", services.keyring)
        except DecryptionError:
            reason = SEALED_FOR_GOOD
        else:
            reason = NO_BUNDLE if stored is None else None
            if stored is not None:
                found.resources += bundle_forms.resources(fhir_json.read(rewritten(connection, services, job, stored)))
                found.read.append(job.id)
    if reason is not None:
        found.errors.append(_outcome(job.batch_index, reason.code, reason.detail, job_id=job.id))


def _without(job: Job) -> Ended | None:
    """Why the job can have no Bundle; None where it should have one."""
    if job.purged_at is not None or job.status is JobStatus.EXPIRED:
        return GONE
    if job.status is JobStatus.COMPLETED:
        return None
    status = job.status.value
    return Ended(code=job.reason.code, detail=job.reason.detail) if job.reason else Ended(code=status, detail=status)


def _rejected(item: Rejected) -> Resource:
    """An item that was not taken, with each place where something is wrong."""
    summary = Issue("invalid", item.detail, item.code, diagnostics=f"item {item.index}")
    return outcome(summary, *(at("invalid", item.code, each.pointer, each.detail) for each in item.errors))


def _outcome(index: int | None, code: str, detail: str, *, job_id: str | None = None) -> Resource:
    about = f"item {index}" if job_id is None else f"item {index}, job {job_id}"
    return outcome(Issue("processing", detail, code, diagnostics=about))


def _fresh(resources: list[Resource], known: set[str]) -> list[Resource]:
    """Those that are not known yet: who runs clinq and its models are the same in all Bundles."""
    fresh = []
    for each in resources:
        name = f"{each['resourceType']}/{each['id']}"
        if name not in known:
            known.add(name)
            fresh.append(each)
    return fresh


def _written(resources: list[Resource]) -> bytes:
    return "".join(f"{fhir_json.write(each)}\n" for each in resources).encode()


def _file(here: str, kind: str, count: int) -> dict[str, Any]:
    return {"type": kind, "url": f"{here}/{kind}{SUFFIX}", "count": count}


def _ended_at(batch: Batch, tally: Tally) -> str:
    at = batch.created_at if tally.finished_at is None else tally.finished_at
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
