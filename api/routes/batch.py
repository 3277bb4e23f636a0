"""Batches: submitted at once, followed as a whole, their results as one stream, retried, cancelled and deleted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, BackgroundTasks, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from api import batch_ending, batch_results, batch_standing
from api.batch_body import NDJSON, AudioReference, Envelope
from api.batch_standing import BatchList, BatchState
from api.batching import AcceptedBatch, Asked, received, take
from api.deps import Caller, Here, actor, services_of
from api.errors import invalid
from api.fhir import answers, bulk
from api.fhir.outcome import FHIR_JSON
from api.routes.submit import IDEMPOTENCY_KEY, PARAMETERS
from api.security.guard import JSON, check_kind, credential, guarded
from api.services import Services
from api.submitting import API, TextSubmission, hashed_key
from shared import batches, dead
from shared.batches import Batch
from shared.broker import Event
from shared.job import JobStatus, Priority

submittable = APIRouter(prefix="/batch", tags=["batch"], route_class=guarded("submit", body=(JSON, *NDJSON)))
readable = APIRouter(prefix="/batch", tags=["batch"], route_class=guarded("read"))
retryable = APIRouter(prefix="/batch", tags=["batch"], route_class=guarded("submit", body=None))
deletable = APIRouter(prefix="/batch", tags=["batch"], route_class=guarded("delete", body=None))
ROUTERS = (submittable, readable, retryable, deletable)

_AUDIO = AudioReference.model_json_schema()["properties"]["audio_url"]
_ITEM: dict[str, Any] = {
    "description": "a text submission, or the same fields with audio_url in the place of text",
    "anyOf": [
        {"$ref": f"#/components/schemas/{TextSubmission.__name__}"},
        {"type": "object", "required": ["audio_url"], "properties": {"audio_url": _AUDIO}},
    ],
}
_BATCH: dict[str, Any] = {
    "type": "object",
    "required": ["items"],
    "properties": {
        "items": {"type": "array", "items": _ITEM, "description": "at most 1,000 by default"},
        "priority": {"type": "string", "enum": [*Priority], "default": Priority.BULK},
        "callback_url": {"type": "string", "format": "uri", "description": "told once, when the last job has ended"},
    },
}
_PRIORITY = {
    "name": "priority",
    "in": "query",
    "description": "of the whole batch, where it comes as NDJSON; JSON says it itself",
    "schema": {"type": "string", "enum": [*Priority], "default": Priority.BULK},
}
BODY: dict[str, Any] = {
    "parameters": [*PARAMETERS, _PRIORITY],
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": _BATCH}} | {kind: {"schema": _ITEM} for kind in NDJSON},
    },
}

RESULTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {NDJSON[0]: {}, JSON: {}}},
    202: {"description": "format=fhir, and jobs are open: X-Progress says how far", "content": {FHIR_JSON: {}}},
}


class Again(BaseModel):
    """The jobs of a batch that run once more."""

    batch_id: str
    job_ids: list[str] = Field(description="those that had failed or were dead")


class EndedBatch(BaseModel):
    """What became of a batch that was cancelled or deleted."""

    batch_id: str
    cancelled: int = Field(description="jobs that were open and are cancelled now")
    counts: dict[JobStatus, int]


@submittable.post("", status_code=202, response_model=AcceptedBatch, openapi_extra=BODY)
async def submit(request: Request) -> Response:
    """Submit many items as JSON or NDJSON; bad ones are named with their index, good ones run."""
    kind = check_kind(request, JSON, *NDJSON)
    lines = _envelope(request) if kind in NDJSON else None
    key = hashed_key(request.headers.get(IDEMPOTENCY_KEY))
    async with received(request) as body:
        taken = await take(services_of(request), actor(request), Asked(body, lines, key))
    return taken.answer()


@readable.get("", response_model_exclude_none=True)
async def list_(
    services: Here,
    caller: Caller,
    after: Annotated[str | None, Query(max_length=36, pattern=r"^[0-9a-f-]+$")] = None,
    most: Annotated[int, Query(ge=1, le=100)] = 20,
) -> BatchList:
    """The tenant's batches, newest first."""
    return await batch_standing.listed(services, caller.tenant, after=after, most=most)


@readable.get("/{batch_id}", response_model_exclude_none=True)
async def status(
    services: Here,
    caller: Caller,
    batch_id: str,
    items: Annotated[bool, Query(description="false: only the counts")] = True,
) -> BatchState:
    """How far the batch is: counts by status, and each item's."""
    batch = await batch_standing.find(services, caller.tenant, batch_id)
    return await batch_standing.standing(services, batch, with_items=items)


@readable.get("/{batch_id}/results", response_class=Response, responses=RESULTS)
async def results(
    services: Here,
    request: Request,
    batch_id: str,
    since: Annotated[int, Query(ge=-1, le=1_000_000, description="only items behind this index")] = -1,
    follow: Annotated[bool, Query(description="go on as items end, until none is open")] = False,
    form: Annotated[Literal["fhir"] | None, Query(alias="format", description="fhir: a bulk-data manifest")] = None,
) -> Response:
    """One JSON document a line for each item that has ended: its index, and what /result answers; or its problem.

    As `format=fhir`, once all have ended: a FHIR bulk-data manifest of NDJSON files, one for each type of resource.
    """
    who = actor(request)
    batch = await batch_standing.find(services, who.tenant, batch_id)
    if form is not None:
        base = answers.base(request, services.settings)
        return await bulk.manifest(services, batch, base, asked=f"{base}{API}/batch/{batch.id}/results?format=fhir")
    secret = credential(request.headers) if follow else None
    told = batch_results.lines(services, who, batch, since=since, follow=secret)
    return StreamingResponse(told, media_type=NDJSON[0])


@readable.get(
    "/{batch_id}/results/{kind}.ndjson", response_class=Response, responses={200: {"content": {bulk.FHIR_NDJSON: {}}}}
)
async def file(
    services: Here, request: Request, batch_id: str, kind: Annotated[str, Path(pattern=r"^[A-Z][A-Za-z]{2,40}$")]
) -> Response:
    """One file of the bulk-data manifest: all resources of this type, one a line; OperationOutcome: what went wrong."""
    who = actor(request)
    batch = await batch_standing.find(services, who.tenant, batch_id)
    return StreamingResponse(bulk.lines(services, who, batch, kind), media_type=bulk.FHIR_NDJSON)


@retryable.post("/{batch_id}/retry-failed", status_code=202)
async def retry_failed(services: Here, request: Request, batch_id: str) -> Again:
    """Let the batch's failed and dead jobs run once more, behind the last stage that each has finished."""
    who = actor(request)
    batch = await batch_standing.find(services, who.tenant, batch_id)
    await services.gate.check()

    def act(connection: sa.Connection) -> list[Event]:
        ids = dead.replay(connection, who.tenant, who, batch_id=batch.id)
        return dead.follow_up(connection, services.keyring, ids)

    events = await services.writer.run(act)
    for event in events:
        services.queue.send(event.job_id, fresh=False)
        services.queue.publish(event)
    return Again(batch_id=batch.id, job_ids=[event.job_id for event in events])


@deletable.post("/{batch_id}/cancel")
async def cancel(services: Here, request: Request, batch_id: str) -> EndedBatch:
    """Cancel what is open; what is done stays."""
    who = actor(request)
    batch = await batch_standing.find(services, who.tenant, batch_id)
    return await _ended(services, batch, await batch_ending.cancel(services, who, batch))


@deletable.delete("/{batch_id}")
async def delete(services: Here, request: Request, batch_id: str, after: BackgroundTasks) -> EndedBatch:
    """Cancel what is open, and destroy the keys of all that the batch's jobs hold."""
    who = actor(request)
    batch = await batch_standing.find(services, who.tenant, batch_id)
    cancelled = await batch_ending.cancel(services, who, batch)
    blobs = await batch_ending.purge(services, who, batch)
    after.add_task(batch_ending.remove, services, blobs)  # the answer need not wait: nobody can read them any more
    return await _ended(services, batch, cancelled)


def _envelope(request: Request) -> Envelope:
    asked = request.query_params.get("priority", Priority.BULK.value)
    try:
        return Envelope(priority=Priority(asked))
    except ValueError:
        raise invalid("?priority", f"a priority is one of: {', '.join(Priority)}") from None


async def _ended(services: Services, batch: Batch, cancelled: int) -> EndedBatch:
    counts = await services.reader.run(lambda connection: batches.counts(connection, batch.id))
    return EndedBatch(batch_id=batch.id, cancelled=cancelled, counts=counts)
