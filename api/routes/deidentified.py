"""What a job found, without what could tell who it is about: text, result or FHIR Bundle."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api import reading, reviewed
from api.deps import Here, actor
from api.errors import ProblemError
from api.reading import JSON
from api.security.guard import guarded
from shared import fhir_json
from shared.case import Case, from_json
from shared.crypto import Fingerprint
from shared.deidentify import documents
from shared.deidentify.pseudonyms import Pseudonyms
from shared.deidentify.redaction import redact
from shared.ledger import Job

Form = Literal["json", "txt", "fhir"]
FORMS: dict[Form, str] = {"json": JSON, "txt": "text/plain; charset=utf-8", "fhir": "application/fhir+json"}
SEALED: dict[Form, str] = {"json": "result", "txt": "result", "fhir": "bundle"}
readable = APIRouter(tags=["result"], route_class=guarded("read"))


@readable.get("/result/{job_id}/deidentified", responses={200: {"content": {kind: {} for kind in FORMS.values()}}})
async def deidentified(
    services: Here,
    request: Request,
    job_id: str,
    form: Annotated[Form, Query(alias="format")] = "json",
) -> Response:
    """The text, the result or the Bundle after 45 CFR 164.514(b)(2): stand-ins for identifiers, dates shifted.

    The same patient (or, where none was named, the same job) always gets the same stand-ins and the same shift. The
    Bundle counts what reviewers confirmed and rejected; what they corrected is in it as an error, without their words,
    which nobody has searched for identifiers.
    """
    who = actor(request)
    job = await reading.find(services, who, job_id, "case_file", SEALED[form])
    stored = reading.opened(services, who, job, "case_file")
    wanted = reading.opened(services, who, job, SEALED[form])
    if not job.status.terminal:
        raise ProblemError(409, "not_ready", "The job has not ended: there is nothing to de-identify yet.")
    if stored is None:
        raise ProblemError(410, "text_expired", "The text was kept as long as its tenant wants, and is gone.")
    if wanted is None:
        raise ProblemError(404, "no_such_record", "This job ended without that record.")
    case = from_json(stored)
    if case.identifiers is None:
        detail = "Identifiers are found by the stage extract, which this job did not run: submit the text with it."
        raise ProblemError(409, "not_searched", detail)
    if form == "fhir":
        wanted = await reviewed.bundle(services, job, wanted, words=False)
    body = await asyncio.to_thread(_written, services.fingerprint, job, case, form, wanted)
    return Response(body, media_type=FORMS[form])


def _written(fingerprint: Fingerprint, job: Job, case: Case, form: Form, wanted: bytes) -> bytes:
    patient = case.origin.patient
    subject = job.id if patient is None else patient.identifier or patient.reference or job.id
    pseudonyms = Pseudonyms(fingerprint, job.tenant, subject, day_first=case.language == "es")
    redaction = redact(case.text or "", case.identifiers or (), pseudonyms)
    if form == "txt":
        return redaction.text.encode("utf-8", "replace")
    made = (documents.bundle if form == "fhir" else documents.result)(fhir_json.read(wanted), redaction, pseudonyms)
    return fhir_json.write(made).encode()
