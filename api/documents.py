"""Taking a document of any kind: pages for a worker to read, a resource of FHIR, or a text."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from api.errors import in_body, invalid
from api.fhir import taking
from api.paged import take_paged
from api.services import Services
from api.submitting import Taken, TextSubmission, take_text
from api.upload import Upload
from shared import documents, magic
from shared.audit import Actor
from shared.errors import UnsupportedDocumentError
from shared.job import JobOptions

BYTES_A_CHAR = 4  # at most, in every character set that is read
MARK_BYTES = 4  # of a byte order mark, at most


def check(head: bytes) -> None:
    """Refuse what is no document by its first bytes. Raises UnsupportedDocumentError."""
    if documents.kind_of(head) == documents.UNKNOWN:
        raise UnsupportedDocumentError(documents.UNSUPPORTED)


async def take_document(
    services: Services, actor: Actor, upload: Upload, options: JobOptions, idempotency_key: str | None
) -> Taken:
    """Take an upload as what its bytes say that it is. Raises ProblemError as take_text does, BadDocumentError."""
    kind = documents.kind_of(upload.head, upload.content_type)
    if kind in magic.DOCUMENTS:
        return await take_paged(services, actor, upload, kind, options, idempotency_key)
    longest = services.settings.max_text_chars
    if documents.media_type(kind) in documents.PLAIN and upload.size_bytes > BYTES_A_CHAR * longest + MARK_BYTES:
        raise invalid("/text", f"the text is longer than {longest} characters")
    data = await asyncio.to_thread(upload.read)
    given = options.model_dump(exclude_unset=True)
    if kind == documents.FHIR:
        return await taking.take(services, actor, data, idempotency_key, given=given)
    text = await asyncio.to_thread(documents.text_of, kind, data)
    try:
        sent = TextSubmission.model_validate(given | {"text": text})
    except ValidationError as error:
        raise in_body(error) from None
    return await take_text(services, actor, sent, idempotency_key)
