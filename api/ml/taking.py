"""Questions to the models as jobs: each text is one, with the stages that answer it, and the route waits for all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from api import reading, submitting
from api.ml.asked import How
from api.services import Services
from api.submitting import Submission, Taken, TextSubmission
from shared.audit import Actor
from shared.job import JobRequest, StageName
from shared.ledger import Job

Versions = Mapping[StageName, str]


async def take(
    services: Services,
    actor: Actor,
    texts: Sequence[str],
    how: How,
    stages: tuple[StageName, ...],
    *,
    versions: Versions | None = None,
    idempotency_key: str | None = None,
) -> list[Taken]:
    """A job for each text, in their order. Raises ProblemError 422, 503 or 409 as `submitting.take_text` does."""
    whole = services.fingerprint.of(*(each.encode("utf-8", "surrogatepass") for each in texts))
    prepared = [
        _prepared(services, actor.tenant, text, how, stages, versions or {}, (idempotency_key, number, whole))
        for number, text in enumerate(texts)
    ]
    await services.gate.check(len(prepared))
    first = await submitting.write(services, actor, prepared[0])  # a key that stands for other texts is refused here
    others = [submitting.write(services, actor, each) for each in prepared[1:]]
    return [first, *await asyncio.gather(*others)]


async def ended(services: Services, actor: Actor, taken: Sequence[Taken]) -> list[Job]:
    """The rows with their results once all have ended, or as they stand after the longest wait (`max_wait_s`)."""
    wait_s = services.settings.max_wait_s
    return list(await asyncio.gather(*(reading.settled(services, actor, each.job_id, wait_s) for each in taken)))


def _prepared(
    services: Services,
    tenant: str,
    text: str,
    how: How,
    stages: tuple[StageName, ...],
    versions: Versions,
    key: tuple[str | None, int, str],
) -> Submission:
    options = {"language": how.language, "priority": how.priority, "cache": how.cache, "explain": how.explain}
    sent = TextSubmission(text=text, stages=stages, **options)
    given, number, whole = key
    hashed = submitting.hashed_key(given)
    name = hashed and services.fingerprint.of(hashed.encode(), str(number).encode())
    made = submitting.text(services, tenant, sent, idempotency_key=name)
    pins = {stage.value: version for stage, version in sorted(versions.items())}
    return replace(
        made,
        payload=JobRequest(**dict(sent), versions=pins).model_dump_json().encode(),
        body_hash=services.fingerprint.of(made.body_hash.encode(), whole.encode(), json.dumps(pins).encode()),
        content_hash=pinned_hash(services, made.content_hash, pins),
    )


def pinned_hash(services: Services, content_hash: str | None, pins: Mapping[str, str]) -> str | None:
    """The content's hash where versions are part of the question: no other question shares the answer."""
    if content_hash is None or not pins:
        return content_hash
    return services.fingerprint.of(content_hash.encode(), json.dumps(pins, sort_keys=True).encode())
