"""From a request to $extract to the one job that stands for it, by the same way as every submission."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.fhir.asking import Asked, understand
from api.recording import take_recording
from api.services import Services
from api.submitting import Taken, TextSubmission, take_text
from api.upload import Upload
from shared.audit import Actor
from shared.documents import text_of
from shared.errors import UnsupportedAudioError
from shared.job import JobOptions
from shared.magic import HEAD_BYTES, UNSUPPORTED, sniff

Options = TypeVar("Options", bound=JobOptions)
LARGE = 100_000  # bytes whose reading would hold up other requests


async def take(services: Services, actor: Actor, body: bytes, idempotency_key: str | None) -> Taken:
    """Take one document. Raises ProblemError or ClinqError, as submissions of text and of recordings do."""
    asked = await asyncio.to_thread(understand, body) if len(body) > LARGE else understand(body)
    if asked.content.is_recording:
        return await _take_recording(services, actor, asked, idempotency_key)
    text = asked.content.text
    if text is None:
        text = await asyncio.to_thread(text_of, asked.content.content_type, asked.content.data)
    return await take_text(services, actor, _checked(TextSubmission, asked.options | {"text": text}), idempotency_key)


async def _take_recording(services: Services, actor: Actor, asked: Asked, idempotency_key: str | None) -> Taken:
    data = asked.content.data
    if sniff(data[:HEAD_BYTES]) is None:
        raise UnsupportedAudioError(UNSUPPORTED)
    options = _checked(JobOptions, asked.options)
    with tempfile.TemporaryFile() as file:
        await asyncio.to_thread(file.write, data)
        await asyncio.to_thread(file.flush)
        upload = Upload(file, await asyncio.to_thread(_sha256, data), len(data))
        return await take_recording(services, actor, upload, options, idempotency_key)


def _checked(kind: type[Options], fields: dict[str, object]) -> Options:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        located = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(located) from None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
