"""Taking a document that has pages, a PDF file or a picture: it is read by a worker."""

from __future__ import annotations

from functools import partial

from api.errors import ProblemError
from api.filing import Examined, take_file
from api.services import Services
from api.submitting import Taken
from api.upload import Upload
from shared.audit import Actor
from shared.job import Document, JobOptions

KILOBYTE = 1000
"""Unit of a document's size: nobody knows its pages before it is read."""


async def take_paged(
    services: Services, actor: Actor, upload: Upload, kind: str, options: JobOptions, idempotency_key: str | None
) -> Taken:
    """Take a PDF or a picture, `kind` as its bytes say. Raises ProblemError 413, or as take_text does."""
    most = services.settings.max_document_bytes
    if upload.size_bytes > most:
        raise ProblemError(413, "too_large", f"The document is larger than {most} bytes.")
    examine = partial(_examined, kind)
    return await take_file(services, actor, upload, options, idempotency_key, source="document", examine=examine)


def _examined(kind: str, upload: Upload) -> Examined:
    def record(blob: str) -> Document:
        return Document(blob=blob, content_type=kind, sha256=upload.sha256, size_bytes=upload.size_bytes)

    return Examined(upload.size_bytes / KILOBYTE, record)
