"""A job as FHIR's asynchronous pattern tells it: still on its way, its Bundle, or why there is none."""

from __future__ import annotations

import math

from fastapi import Request, Response

from api import ending, reading, reviewed
from api.errors import ProblemError, not_found
from api.fhir.outcome import FHIR_JSON, Issue, answer, outcome, told
from api.security.principal import Principal
from api.services import Services
from api.standing import Place, place
from shared.audit import Actor
from shared.errors import (
    AudioNotAllowedError,
    AudioNotFoundError,
    AudioTooLargeError,
    AudioTooLongError,
    BadAudioError,
    BadDocumentError,
    DocumentTooLongError,
    EncryptedDocumentError,
    MissingInputError,
    UnsupportedAudioError,
    UnsupportedDocumentError,
)
from shared.job import JobStatus
from shared.ledger import Job
from shared.settings import Settings

ASYNC = "/fhir/async"
LONGEST_PAUSE_S = 30
OF_THE_SENDER = frozenset(
    error.code
    for error in (
        AudioNotAllowedError,
        AudioNotFoundError,
        AudioTooLargeError,
        AudioTooLongError,
        BadAudioError,
        BadDocumentError,
        DocumentTooLongError,
        EncryptedDocumentError,
        MissingInputError,
        UnsupportedAudioError,
        UnsupportedDocumentError,
    )
)
"""Reasons for which the same document would fail again: 422; every other failure is ours: 500."""
GONE = frozenset({"gone"})  # deleted by a client; retention's `expired` stays 410


def base(request: Request, settings: Settings) -> str:
    """The service's address as this client knows it, without a slash at its end."""
    return (settings.public_url or str(request.base_url)).rstrip("/")


def address(request: Request, settings: Settings, job_id: str) -> str:
    """Where the job is asked after."""
    return f"{base(request, settings)}{ASYNC}/{job_id}"


async def find(services: Services, actor: Actor, job_id: str) -> Job:
    """The row with its Bundle. Raises ProblemError 404 for what is not there, foreign or deleted; 410 if it expired."""
    return await settled(services, actor, job_id, 0.0)


async def settled(services: Services, actor: Actor, job_id: str, wait_s: float) -> Job:
    """The same once the job has ended, or as it stands after `wait_s` seconds."""
    try:
        return await reading.settled(services, actor, job_id, wait_s, record="bundle")
    except ProblemError as problem:
        if problem.code in GONE:
            raise not_found() from None
        raise


async def polled(services: Services, principal: Principal, actor: Actor, job: Job) -> Response:
    """The answer to a question after a job. Raises ProblemError 429 for one that comes too early."""
    if job.status.terminal:
        return await ended(services, actor, job)
    early_s = services.polls.early_s(principal.name, job.id)
    if early_s > 0:
        pause = str(math.ceil(early_s))
        detail = "You ask too often: wait as long as Retry-After says."
        raise ProblemError(429, "too_fast", detail, headers={"Retry-After": pause})
    return await on_its_way(services, job)


async def on_its_way(services: Services, job: Job) -> Response:
    """202: how far it is, and when to ask again."""
    where = place(await services.line.read(), job)
    progress = _progress(job, where)
    return told(202, progress, {"X-Progress": progress, "Retry-After": str(_pause_s(services, where))})


async def begun(services: Services, request: Request, job: Job, headers: dict[str, str]) -> Response:
    """202 with Content-Location, which the body repeats: some clients hide the headers from their users."""
    here = address(request, services.settings, job.id)
    pause = str(_pause_s(services, place(await services.line.read(), job)))
    sent = {"Content-Location": here, "Retry-After": pause, **headers}
    return told(202, "The document was taken: ask at the Content-Location.", sent, diagnostics=here)


async def ended(services: Services, actor: Actor, job: Job, headers: dict[str, str] | None = None) -> Response:
    """200 with the Bundle as /result/{id}/bundle gives it, or with the reason why there is nothing to tell.

    Raises ProblemError 404 (cancelled), 422 (the document's fault) or 500 (ours).
    """
    reason = job.reason
    if job.status is JobStatus.CANCELLED:
        raise not_found()
    if job.status is JobStatus.INSUFFICIENT_CONTENT:
        text = reason.detail if reason else "The document holds too little to go on."
        issue = Issue("incomplete", text, JobStatus.INSUFFICIENT_CONTENT.value, severity="warning")
        return answer(200, outcome(issue), headers)
    if job.status is not JobStatus.COMPLETED:
        code = reason.code if reason else "failed"
        status = 422 if code in OF_THE_SENDER else 500
        raise ProblemError(status, code, reason.detail if reason else "The job failed.")
    stored = reading.opened(services, actor, job, "bundle")
    if stored is None:
        raise ProblemError(
            500, "no_bundle", "The Bundle broke FHIR's rules and was not written; the result says which."
        )
    return Response(await reviewed.bundle(services, job, stored), 200, headers, media_type=FHIR_JSON)


async def deleted(services: Services, actor: Actor, job_id: str) -> Response:
    """202: cancelled and destroyed; from now on there is no such job."""
    job = await find(services, actor, job_id)
    await ending.end(services, actor, job)
    return told(202, "The job is cancelled if it was open, and what it held is destroyed.", {})


def _progress(job: Job, where: Place) -> str:
    """At most 100 characters, as the pattern asks for."""
    if job.status is JobStatus.QUEUED:
        return "queued" if where.position is None else f"queued, {where.position} before it"
    return f"{job.stage or 'running'}, {round(job.progress * 100)} % done"


def _pause_s(services: Services, where: Place) -> int:
    """Until it may be done, but not sooner than a question is welcome."""
    return min(max(math.ceil(where.eta_s or 1.0), math.ceil(services.polls.shortest_s), 1), LONGEST_PAUSE_S)
