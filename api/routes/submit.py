"""Submissions: a text, a recording, a document, and the one call that waits for its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from api import documents, reading, recording
from api.completed import Completed
from api.deps import actor, services_of
from api.errors import in_body
from api.security.guard import MULTIPART, guarded
from api.services import Services
from api.standing import State
from api.submitting import Accepted, Taken, TextSubmission, take_text
from api.upload import Check, Upload, received
from shared.audit import Actor
from shared.job import JobOptions

Take = Callable[[Services, Actor, Upload, JobOptions, str | None], Awaitable[Taken]]
JOB_ID = "clinq.job_id"  # where the access log finds it
IDEMPOTENCY_KEY = "idempotency-key"
PARAMETERS = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "the same key and body give the same job, for a day",
        "schema": {"type": "string", "maxLength": 200},
    }
]
JSON_BODY: dict[str, Any] = {
    "parameters": PARAMETERS,
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{TextSubmission.__name__}"}}},
    },
}


def _form(files: str) -> dict[str, Any]:
    """The form of a file, of these kinds, and of its options."""
    fields = {
        "file": {"type": "string", "format": "binary", "description": files},
        "language": {"type": "string", "examples": ["en"]},
        "patient": {"type": "string", "description": "as in /submit, as JSON"},
        "encounter": {"type": "string", "description": "as in /submit, as JSON"},
        "stages": {"type": "string", "description": "as JSON, or with commas between"},
        "priority": {"type": "string"},
        "callback_url": {"type": "string"},
        "cache": {"type": "boolean", "description": "as in /submit"},
        "explain": {"type": "boolean", "description": "as in /submit"},
        "metadata": {"type": "string", "description": "as in /submit, as JSON"},
    }
    schema = {"type": "object", "required": ["file"], "properties": fields}
    return {
        "parameters": PARAMETERS,
        "requestBody": {"required": True, "content": {MULTIPART: {"schema": schema}}},
    }


RECORDING = _form("wav, mp3, m4a, flac, ogg, webm")
DOCUMENT = _form("PDF, PNG, JPEG, TIFF, text, HTML, or a FHIR DocumentReference, Bundle or Parameters as JSON")
texts = APIRouter(tags=["submit"], route_class=guarded("submit"))
files = APIRouter(tags=["submit"], route_class=guarded("submit", body=MULTIPART))
both = APIRouter(tags=["submit"], route_class=guarded("submit", "read"))


@texts.post("/submit", status_code=202, response_model=Accepted, openapi_extra=JSON_BODY)
async def submit(request: Request) -> Response:
    """Submit a clinical text."""
    return (await _take_text(request)).answer()


@files.post("/submit/audio", status_code=202, response_model=Accepted, openapi_extra=RECORDING)
async def submit_audio(request: Request) -> Response:
    """Submit a recording as multipart/form-data."""
    return await _submit_file(request, recording.check, recording.take_recording)


@files.post("/submit/document", status_code=202, response_model=Accepted, openapi_extra=DOCUMENT)
async def submit_document(request: Request) -> Response:
    """Submit a document as multipart/form-data."""
    return await _submit_file(request, documents.check, documents.take_document)


@both.post("/analyze", response_model=Completed | State, responses={202: {"model": Accepted}}, openapi_extra=JSON_BODY)
async def analyze(request: Request) -> Response:
    """Submit a clinical text and wait up to 30 s: 200 with the result, or 202 with the job."""
    services, who = services_of(request), actor(request)
    taken = await _take_text(request)
    job = await reading.settled(services, who, taken.job_id, services.settings.max_wait_s)
    return await reading.document(services, who, job) if job.status.terminal else taken.answer()


async def _submit_file(request: Request, check: Check, take: Take) -> Response:
    key = request.headers.get(IDEMPOTENCY_KEY)
    async with received(request, check) as upload:
        options = recording.read_options(upload.fields)
        taken = await take(services_of(request), actor(request), upload, options, key)
    request.scope[JOB_ID] = taken.job_id
    return taken.answer()


async def _take_text(request: Request) -> Taken:
    """Read the body in one pass: pydantic from the bytes is several times faster than FastAPI's way over a dict."""
    try:
        sent = TextSubmission.model_validate_json(await request.body())
    except ValidationError as error:
        raise in_body(error) from None
    taken = await take_text(services_of(request), actor(request), sent, request.headers.get(IDEMPOTENCY_KEY))
    request.scope[JOB_ID] = taken.job_id
    return taken
