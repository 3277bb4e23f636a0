"""What people said of results, each with the text it is about: examples to train the next version on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from shared import audit, case, feedback, ledger, tables
from shared.audit import Actor
from shared.crypto import JobKey, Keyring
from shared.database import Database
from shared.feedback import Said
from shared.job import JobRequest
from shared.ledger import Job
from shared.review import records
from shared.review.records import Stored

SEALED = ("payload", "case_file", "result")
Example = dict[str, Any]


def collect(
    database: Database, keyring: Keyring, actor: Actor, *, tenant: str | None = None
) -> Iterator[list[Example]]:
    """The examples of each job that anybody has said something of, oldest first, with a row in the audit trail.

    A job whose text is gone, by a client or by retention, gives none: an empty list. Raises BackingServiceError.
    """
    with database.read() as connection:
        ids = _spoken_of(connection, tenant)
    for job_id in ids:
        with database.write() as connection:
            made = _of(connection, keyring, job_id)
            if made:
                its = replace(actor, tenant=made[0]["tenant"])
                audit.record(connection, its, "examples_exported", job_id=job_id)
        yield made


def _spoken_of(connection: sa.Connection, tenant: str | None) -> list[str]:
    """Ids of jobs; they sort by time."""
    each = [sa.select(table.c.job_id, table.c.tenant) for table in (tables.feedback, tables.review)]
    found = sa.union(*each).subquery()
    query = sa.select(found.c.job_id).order_by(found.c.job_id)
    return list(connection.execute(query if tenant is None else query.where(found.c.tenant == tenant)).scalars())


def _of(connection: sa.Connection, keyring: Keyring, job_id: str) -> list[Example]:
    job = ledger.get(connection, job_id, sealed=SEALED)
    if job is None or job.key is None or (about := _about(job, keyring)) is None:
        return []
    key: JobKey = keyring.unwrap(job.key, job.tenant, job.id)
    result = json.loads(job.unseal("result", keyring) or b"{}")
    given = [_given(each, result) for each in feedback.told(connection, job.id, key)]
    reviews = [_reviewed(each) for each in records.opened(records.sealed(connection, job.id), key)]
    return [{**about, **each} for each in (*given, *reviews)]


def _about(job: Job, keyring: Keyring) -> Example | None:
    """What all examples of a job share; None where its text is gone."""
    stored, payload = job.unseal("case_file", keyring), job.unseal("payload", keyring)
    if stored is not None:
        known = case.from_json(stored)
        text, language = known.text, known.language
    elif payload is not None:
        request = JobRequest.model_validate_json(payload)
        text, language = request.text, request.language
    else:
        return None
    return None if not text else {"job_id": job.id, "tenant": job.tenant, "language": language, "text": text}


def _given(said: Said, result: Mapping[str, Any]) -> Example:
    stages = [stage.value for stage in feedback.STAGES[said.feedback.target]]
    served = {stage: each for stage, each in result.get("models", {}).items() if stage in stages}
    told = said.feedback.model_dump(exclude_none=True)
    return {
        "kind": "feedback",
        "at": said.created_at,
        "predicted": _predicted(said, result),
        "models": {stage: f"{each['name']}@{each['version']}" for stage, each in served.items()},
        "right": said.feedback.right,
        **told,
    }


def _predicted(said: Said, result: Mapping[str, Any]) -> Any:
    """What stands in the result where the statement points."""
    target, item = said.feedback.target, said.feedback.item
    if target == "category":
        return (result.get("classification") or {}).get("category")
    if target == "fact":
        return next((each for each in result.get("facts", []) if each["id"] == item), None)
    if target == "result":
        return None
    listed = result.get("summary" if target == "summary" else "recommendations", [])
    return listed[item]["text"] if isinstance(item, int) and item < len(listed) else [each["text"] for each in listed]


def _reviewed(stored: Stored) -> Example:
    said = stored.review.model_dump(exclude_defaults=True, mode="json")
    return {"kind": "review", "at": stored.created_at, **said}
