"""Submissions: a text, a recording, and the one call that waits for its result."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from api import reading
from api.deps import Here, actor
from api.recording import take_recording
from api.security.guard import MULTIPART, guarded
from api.standing import State
from api.submitting import Accepted, TextSubmission, take_text
from api.upload import received

IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="the same key and body give the same job, for a day")
]
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "wav, mp3, m4a, flac, ogg, webm"},
                        "language": {"type": "string", "examples": ["en"]},
                        "patient": {"type": "string", "description": "as in /submit, as JSON"},
                        "encounter": {"type": "string", "description": "as in /submit, as JSON"},
                        "stages": {"type": "string", "description": "as JSON, or with commas between"},
                        "priority": {"type": "string"},
                        "callback_url": {"type": "string"},
                        "metadata": {"type": "string", "description": "as in /submit, as JSON"},
                    },
                }
            }
        },
    }
}
texts = APIRouter(tags=["submit"], route_class=guarded("submit"))
recordings = APIRouter(tags=["submit"], route_class=guarded("submit", body=MULTIPART))
both = APIRouter(tags=["submit"], route_class=guarded("submit", "read"))


@texts.post("/submit", status_code=202, response_model=Accepted)
async def submit(services: Here, request: Request, body: TextSubmission, key: IdempotencyKey = None) -> Response:
    """Submit a clinical text."""
    return (await take_text(services, actor(request), body, key)).answer()


@recordings.post("/submit/audio", status_code=202, response_model=Accepted, openapi_extra=FORM)
async def submit_audio(services: Here, request: Request, key: IdempotencyKey = None) -> Response:
    """Submit a recording as multipart/form-data."""
    async with received(request) as upload:
        return (await take_recording(services, actor(request), upload, key)).answer()


@both.post("/analyze", response_model=State, responses={202: {"model": Accepted}})
async def analyze(services: Here, request: Request, body: TextSubmission, key: IdempotencyKey = None) -> Response:
    """Submit a clinical text and wait up to 30 s: 200 with the result, or 202 with the job."""
    who = actor(request)
    taken = await take_text(services, who, body, key)
    job = await reading.settled(services, who, taken.job_id, services.settings.max_wait_s)
    return await reading.document(services, who, job) if job.status.terminal else taken.answer()
