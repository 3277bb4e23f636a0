"""From a request to $extract to the one job that stands for it, by the same way as every submission."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic import ValidationError

from api.errors import in_body
from api.fhir.asking import understand
from api.paged import take_paged
from api.recording import check, take_recording
from api.services import Services
from api.submitting import Taken, TextSubmission, take_text
from api.upload import Upload
from shared import magic
from shared.audit import Actor
from shared.documents import text_of
from shared.job import JobOptions

Options = TypeVar("Options", bound=JobOptions)
LARGE = 100_000  # bytes whose reading would hold up other requests


async def take(
    services: Services,
    actor: Actor,
    body: bytes,
    idempotency_key: str | None,
    *,
    given: Mapping[str, object] | None = None,
) -> Taken:
    """Take one document; `given` are options that go before the resource's own.

    Raises ProblemError or ClinqError, as submissions of text, of recordings and of documents do.
    """
    asked = await asyncio.to_thread(understand, body) if len(body) > LARGE else understand(body)
    fields, content = asked.options | dict(given or {}), asked.content
    if content.text is not None:
        text = content.text
    elif (kind := magic.document(content.data)) is not None:
        options = _checked(JobOptions, fields)
        async with _uploaded(content.data) as upload:
            return await take_paged(services, actor, upload, kind, options, idempotency_key)
    elif content.is_recording:
        check(content.data[: magic.HEAD_BYTES])
        options = _checked(JobOptions, fields)
        async with _uploaded(content.data) as upload:
            return await take_recording(services, actor, upload, options, idempotency_key)
    else:
        text = await asyncio.to_thread(text_of, content.content_type, content.data)
    return await take_text(services, actor, _checked(TextSubmission, fields | {"text": text}), idempotency_key)


@asynccontextmanager
async def _uploaded(data: bytes) -> AsyncIterator[Upload]:
    """The attachment as if it had been uploaded."""
    with tempfile.TemporaryFile() as file:
        await asyncio.to_thread(file.write, data)
        await asyncio.to_thread(file.flush)
        yield Upload(file, await asyncio.to_thread(_sha256, data), len(data))


def _checked(kind: type[Options], fields: dict[str, object]) -> Options:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise in_body(error) from None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
