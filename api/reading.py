"""Reading a job: its row for whoever may see it, the wait for its end, and its document."""

from __future__ import annotations

import time

from starlette.responses import Response

from api.errors import ProblemError, not_found
from api.services import Services
from api.standing import Place, Reviewed, place, reviewed, state
from api.submitting import API
from shared import audit, ledger
from shared.audit import Actor
from shared.job import JobStatus
from shared.ledger import Job

JSON = "application/json"
ID_CHARS = 36


async def find(services: Services, actor: Actor, job_id: str, *sealed: str) -> Job:
    """The row. Raises ProblemError 404 for a job that is not there or another tenant's, 410 for one that is gone."""
    job = await look(services, actor.tenant, job_id, *sealed)
    if job is None:
        raise not_found()
    if job.status is JobStatus.EXPIRED:
        raise ProblemError(410, "expired", "This job's result was kept as long as its tenant wants, and is destroyed.")
    if job.purged_at is not None:
        raise ProblemError(410, "gone", "This job's content was deleted.")
    return job


def like_an_id(text: str) -> bool:
    """Whether it may be the id of anything; PostgreSQL takes no NUL."""
    return len(text) == ID_CHARS and text.isascii() and text.isprintable()


async def look(services: Services, tenant: str, job_id: str, *sealed: str) -> Job | None:
    """The tenant's row; None for everything else."""
    if not like_an_id(job_id):
        return None
    return await services.reader.find(lambda connection: ledger.get(connection, job_id, tenant=tenant, sealed=sealed))


async def settled(services: Services, actor: Actor, job_id: str, wait_s: float, *, record: str = "result") -> Job:
    """The row once the job has ended, or as it stands after `wait_s` seconds; with one sealed record."""
    until = time.monotonic() + min(wait_s, services.settings.max_wait_s)
    if wait_s <= 0:
        return await find(services, actor, job_id, record)
    with services.hub.subscribed(job_id) as subscription:
        job = await find(services, actor, job_id, record)
        while not job.status.terminal and (left_s := until - time.monotonic()) > 0:
            try:
                told = await subscription.next(min(left_s, services.settings.socket_reread_s))
            except TimeoutError:
                told = None
            if told is None or told.event.status.terminal:
                job = await find(services, actor, job_id, record)
        return job


async def document(services: Services, actor: Actor, job: Job) -> Response:
    """The job's state and, once it is completed, its result beside it in one flat object."""
    if job.status.terminal:
        said = None
        if job.status is JobStatus.COMPLETED:
            said = await services.reader.find(lambda connection: reviewed(connection, job.id))
        return Response(_result(services, actor, job, said), media_type=JSON)
    return Response(_state(job, place(await services.line.read(), job)), media_type=JSON)


def opened(services: Services, actor: Actor, job: Job, name: str) -> bytes | None:
    """One sealed record in clear, and a row in the audit trail that says who read it."""
    plain = job.unseal(name, services.keyring)
    if plain is not None:
        services.writer.post(audit.record_all, (actor, f"{name}_read", job.id))
    return plain


def _result(services: Services, actor: Actor, job: Job, review: Reviewed | None) -> bytes:
    head = _state(job, Place(), review)
    body = opened(services, actor, job, "result") or b"{}"
    return head if body == b"{}" else head[:-1] + b"," + body[1:]


def _state(job: Job, where: Place, review: Reviewed | None = None) -> bytes:
    return state(job, where, f"{API}/result/{job.id}", review).model_dump_json(exclude_none=True).encode()
