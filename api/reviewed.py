"""A Bundle as it reads since its reviews: what clinicians confirmed, corrected or rejected counts everywhere."""

from __future__ import annotations

import json

import sqlalchemy as sa

from api.services import Services
from shared import fhir_json, ledger
from shared.ledger import Job
from shared.review import records
from shared.review.applied import applied
from shared.review.verdicts import wordless


async def bundle(services: Services, job: Job, stored: bytes, *, words: bool = True) -> bytes:
    """The same bytes where nobody has reviewed the job; without `words` nothing that a reviewer wrote stands there."""
    if not await services.reader.find(lambda connection: records.sealed(connection, job.id)):
        return stored
    return await services.reader.run(lambda connection: rewritten(connection, services, job, stored, words=words))


def rewritten(connection: sa.Connection, services: Services, job: Job, stored: bytes, *, words: bool = True) -> bytes:
    """The same inside a reading transaction; it costs CPU, so call it from a thread."""
    rows = records.sealed(connection, job.id)
    if not rows or job.key is None:
        return stored
    reviews = records.opened(rows, services.keyring.unwrap(job.key, job.tenant, job.id))
    reviews = reviews if words else wordless(reviews)
    whole = ledger.get(connection, job.id, sealed=("result",))
    result = None if whole is None else whole.unseal("result", services.keyring)
    labels = [
        dict(zip(("system", "code"), each.split("|", 1), strict=True)) for each in services.settings.reviewed_labels
    ]
    return fhir_json.write(applied(fhir_json.read(stored), json.loads(result or b"{}"), reviews, labels)).encode()
