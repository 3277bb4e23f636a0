"""Models behind a gateway of tests: rules read the text, a fixed category is judged, and the versions are as asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from api.ml.pins import manifested
from shared import ledger, predictions, tables
from shared.case import Case, Classification, ModelUse, Origin, Span
from shared.case import to_json as case_json
from shared.holding import Ended, Saved, finish
from shared.job import JobRequest, JobStatus, StageName
from shared.models import MANIFEST, get
from shared.result import result
from tests.api.conftest import Gateway
from worker.clinical.facts import facts

SCORES = (("neurological", 0.7), ("other", 0.2), ("respiratory", 0.1))


def answer(
    gateway: Gateway, job_id: str, *, confidence: float = 0.7, cached: bool = False, seconds: float = 0.2
) -> None:
    """Bring one job to its end, as a worker would, with its line in the history."""
    job = gateway.worker.claim(job_id)
    assert job.key is not None
    key = gateway.services.keyring.unwrap(job.key, job.tenant, job.id)
    with gateway.worker.database.read() as connection:
        row = ledger.get(connection, job_id, sealed=("payload",))
    assert row is not None
    request = JobRequest.model_validate_json(row.unseal("payload", gateway.services.keyring) or b"")
    case = _case(gateway, job, request, confidence, cached=cached, seconds=seconds)
    saved = Saved(job.id, key.seal(case_json(case), "case_file"), (), 1.0, {})
    sealed = key.seal(result(case, request), "result")
    with gateway.worker.database.write() as connection:
        assert finish(connection, gateway.worker.actor, Ended(job, JobStatus.COMPLETED, sealed, last=saved))
        predictions.record(connection, [predictions.of(case, key)])
    gateway.worker.publish(job, "completed", JobStatus.COMPLETED)


def _case(
    gateway: Gateway, job: ledger.Job, request: JobRequest, confidence: float, *, cached: bool, seconds: float
) -> Case:
    origin = Origin(job.id, job.tenant, datetime.fromtimestamp(int(job.created_at), UTC), reused=cached)
    case = replace(Case(origin, text=request.text, language="en"), mentions=facts(request.text or "").mentions)
    uses = [ModelUse(stage, *_model(gateway, request.versions.get(stage))) for stage in job.stages]
    if StageName.CLASSIFY in job.stages:
        judged = Classification("neurological", confidence, SCORES, confidence < 0.5, (Span(0, 4),))
        case = replace(case, classification=judged)
    times = () if cached else tuple((stage, seconds) for stage in job.stages)
    return replace(case, models=tuple(uses), timings=times)


def _model(gateway: Gateway, wanted: str | None) -> tuple[str, str, str, str | None]:
    if wanted in {None, MANIFEST}:
        own = manifested(gateway.services.settings)[StageName.CLASSIFY]
        return own.name, own.version, own.engine, None
    with gateway.worker.database.read() as connection:
        found = get(connection, str(wanted))
    return found.name, found.version, found.engine, found.sha256


@asynccontextmanager
async def answering(gateway: Gateway, **how: float) -> AsyncIterator[None]:
    """While this is open, every job that waits is answered."""

    async def work() -> None:
        while True:
            waits = sa.select(tables.job.c.id).where(tables.job.c.status == tables.WAITS)
            with gateway.worker.database.read() as connection:
                ids = list(connection.execute(waits).scalars())
            for job_id in ids:
                answer(gateway, job_id, **how)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def payload(gateway: Gateway, job_id: str) -> dict[str, object]:
    """What was asked for, in clear."""
    with gateway.worker.database.read() as connection:
        row = ledger.get(connection, job_id, sealed=("payload",))
    assert row is not None
    return dict(json.loads(row.unseal("payload", gateway.services.keyring) or b"{}"))
