"""The rows of a batch: each good item sealed with a key of its own; what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass

import uuid_utils

from api import batch_body, callbacks, submitting
from api.batch_body import AudioReference, Item, Sent
from api.errors import FieldProblem, ProblemError
from api.services import Services
from api.submitting import Submission
from shared import audio_url
from shared.batches import NewBatch, Rejected
from shared.errors import AudioNotAllowedError
from shared.ledger import NewJob
from shared.webhooks.outbox import Target


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is ready to be written."""

    new: NewBatch
    rows: tuple[NewJob, ...]
    called: tuple[tuple[str, Target], ...]
    """Jobs whose items ask to be called back at an address of their own."""
    targets: tuple[Target, ...]
    """Whom the end of the whole batch is told."""


def prepare(
    services: Services, tenant: str, sent: Sent, body_hash: str, key: str | None, targets: tuple[Target, ...]
) -> Prepared:
    """Check and seal every item; it costs only CPU, so call it from a thread."""
    batch_id = str(uuid_utils.uuid7())
    rows: list[NewJob] = []
    called: list[tuple[str, Target]] = []
    refused: list[Rejected] = []
    for index, item in enumerate(sent.items):
        if isinstance(item, Rejected):
            refused.append(item)
            continue
        try:
            own = _own_target(services, item)
            row = _row(services, tenant, item, batch_id, index, notify=own is not None)
        except ProblemError as problem:
            refused.append(batch_body.rejected(index, problem))
            continue
        rows.append(row)
        if own is not None:
            called.append((row.id, own))
    new = NewBatch(
        id=batch_id,
        tenant=tenant,
        priority=sent.envelope.priority,
        items=len(sent.items),
        rejected=tuple(refused),
        body_hash=body_hash,
        idempotency_key=key,
    )
    return Prepared(new, tuple(rows), tuple(called), targets)


def _own_target(services: Services, item: Item) -> Target | None:
    """The item's own address; the tenant's endpoints hear of the batch as a whole, not of a thousand jobs."""
    if item.callback_url is None:
        return None
    return Target(callbacks.checked(services, item.callback_url, pointer="/callback_url"))


def _row(services: Services, tenant: str, item: Item, batch_id: str, index: int, *, notify: bool) -> NewJob:
    if isinstance(item, AudioReference):
        return _audio_row(services, tenant, item, batch_id, index, notify=notify)
    return submitting.text_row(services, tenant, item, batch_id=batch_id, batch_index=index, notify=notify)


def _audio_row(
    services: Services, tenant: str, item: AudioReference, batch_id: str, index: int, *, notify: bool
) -> NewJob:
    """A recording that is still to be fetched: nobody knows its length, nor whether it was seen before."""
    try:
        audio_url.place(item.audio_url, services.settings.audio_sources)
    except AudioNotAllowedError as error:
        flaw = FieldProblem(pointer="/audio_url", detail=str(error))
        raise ProblemError(422, error.code, batch_body.DETAIL, errors=[flaw]) from error
    stages = submitting.stages_of(item.stages, "audio")
    job_id = str(uuid_utils.uuid7())
    wrapped, key = services.keyring.new(tenant, job_id)
    payload = submitting.canonical(item)
    submission = Submission(
        job_id=job_id,
        options=item,
        payload=payload,  # an AudioReference's fields are a JobRequest's
        body_hash=services.fingerprint.of(payload),
        content_hash=None,
        stages=stages,
        source="audio",
        size=0.0,
        wrapped=wrapped,
        key=key,
        batch_id=batch_id,
        batch_index=index,
    )
    return submission.row(services.settings, tenant, notify=notify)
