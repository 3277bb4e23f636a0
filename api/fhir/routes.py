"""The addresses under /fhir."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.deps import actor, caller, services_of
from api.fhir import answers, statements, taking
from api.fhir.negotiation import negotiated, prefers_async
from api.fhir.outcome import FHIR_JSON, ROOT, answer
from api.routes.submit import IDEMPOTENCY_KEY, JOB_ID, PARAMETERS
from api.security.guard import JSON, guarded
from api.submitting import REPLAYED

FORM = {"name": "_format", "in": "query", "description": "json, if anything", "schema": {"type": "string"}}
PREFER = {"name": "Prefer", "in": "header", "description": "respond-async: do not wait", "schema": {"type": "string"}}
ID = {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}
Described = dict[int | str, dict[str, Any]]
RESOURCE: dict[str, Any] = {"content": {FHIR_JSON: {"schema": {"type": "object"}}}}
ERRORS: Described = {
    code: {"description": "OperationOutcome", **RESOURCE} for code in (401, 403, 404, 406, 410, 422, 503)
}
BODY: dict[str, Any] = {
    "parameters": [*PARAMETERS, PREFER, FORM],
    "requestBody": {
        "required": True,
        "description": "Parameters, DocumentReference or Bundle: see OperationDefinition/extract",
        "content": {kind: {"schema": {"type": "object"}} for kind in (FHIR_JSON, JSON)},
    },
}


def described(ok: str) -> Described:
    """Responses of a FHIR route for the OpenAPI document, whose default kind of error is another."""
    return {200: {"description": ok, **RESOURCE}, **ERRORS}


def _router(kind: type[APIRoute]) -> APIRouter:
    return APIRouter(prefix=ROOT, tags=["fhir"], route_class=negotiated(kind), default_response_class=Response)


known = _router(APIRoute)
extracting = _router(guarded("submit", "read", body=(FHIR_JSON, JSON)))
asking = _router(guarded("read"))
deleting = _router(guarded("delete", body=None))
ROUTERS = (known, extracting, asking, deleting)
TAKEN: Described = {202: {"description": "still on its way: ask at Content-Location", **RESOURCE}}
OPEN: Described = {202: {"description": "still on its way: X-Progress says how far", **RESOURCE}}
FAST: Described = {429: {"description": "asked too often: wait as long as Retry-After says", **RESOURCE}}
ENDED: Described = {202: {"description": "cancelled and destroyed", **RESOURCE}}


@known.get("/metadata", responses=described("CapabilityStatement"), openapi_extra={"parameters": [FORM]})
async def metadata(request: Request) -> Response:
    """What this server can do."""
    return answer(200, statements.capabilities(answers.base(request, services_of(request).settings)))


@known.get(
    "/OperationDefinition/extract", responses=described("OperationDefinition"), openapi_extra={"parameters": [FORM]}
)
async def definition(request: Request) -> Response:
    """What $extract takes and gives."""
    return answer(200, statements.operation(answers.base(request, services_of(request).settings)))


@extracting.post("/$extract", responses=described("Bundle") | TAKEN, openapi_extra=BODY)
async def extract(request: Request) -> Response:
    """Extract from a document: waits up to 30 s for the Bundle, or not at all with Prefer: respond-async."""
    services, who = services_of(request), actor(request)
    taken = await taking.take(services, who, await request.body(), request.headers.get(IDEMPOTENCY_KEY))
    request.scope[JOB_ID] = taken.job_id
    headers = REPLAYED if taken.replayed else {}
    wait_s = 0.0 if prefers_async(request.headers.getlist("prefer")) else services.settings.max_wait_s
    job = await answers.settled(services, who, taken.job_id, wait_s)
    if job.status.terminal and wait_s > 0:
        return await answers.ended(services, who, job, headers)
    return await answers.begun(services, request, job, headers)


@asking.get(
    "/async/{job_id}",
    responses=described("Bundle") | OPEN | FAST,
    openapi_extra={"parameters": [ID, FORM]},
)
async def ask(request: Request) -> Response:
    """How far the job is; once it has ended, its Bundle."""
    services, who = services_of(request), actor(request)
    job = await answers.find(services, who, request.path_params["job_id"])
    return await answers.polled(services, await caller(request), who, job)


@deleting.delete(
    "/async/{job_id}",
    status_code=202,
    responses=ERRORS | ENDED,
    openapi_extra={"parameters": [ID]},
)
async def delete(request: Request) -> Response:
    """Cancel the job and destroy what it holds."""
    return await answers.deleted(services_of(request), actor(request), request.path_params["job_id"])
