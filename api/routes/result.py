"""Results: state and result, the transcript, and their deletion."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from api import ending, reading, transcripts
from api.completed import Completed
from api.deps import Here, actor, services_of
from api.errors import ProblemError, not_found
from api.security.guard import guarded
from api.standing import State
from api.transcripts import Transcript
from shared import transcript
from shared.job import JobStatus
from shared.ledger import Job

FHIR_JSON = "application/fhir+json"
Form = Literal["json", "vtt", "txt"]
FORMS: dict[Form, str] = {
    "json": "application/json",
    "vtt": "text/vtt; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
COMPLETE = "Clinq-Transcript-Complete"
"""Header that says true, or false where the recording is still being heard or never was heard to its end."""
LONGEST_WAIT_S = 3600.0  # more is a mistake; what is waited is at most max_wait_s
PARAMETERS: dict[str, Any] = {
    "parameters": [
        {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}},
        {
            "name": "wait",
            "in": "query",
            "description": "seconds to wait for the end, at most 30",
            "schema": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S, "default": 0},
        },
    ]
}
_seconds = TypeAdapter(Annotated[float, Field(ge=0, le=LONGEST_WAIT_S)])
readable = APIRouter(tags=["result"], route_class=guarded("read"))
deletable = APIRouter(tags=["result"], route_class=guarded("delete", body=None))


class Deleted(BaseModel):
    """What became of a job that was deleted."""

    job_id: str
    status: JobStatus


@readable.get("/result/{job_id}", response_model=Completed | State, openapi_extra=PARAMETERS)  # noqa: FAST003 - Guarded
async def result(request: Request) -> Response:
    """Where the job stands; once it is completed, its result beside that."""
    services, who = services_of(request), actor(request)
    job = await reading.settled(services, who, request.path_params["job_id"], _wait_s(request))
    return await reading.document(services, who, job)


@readable.get("/result/{job_id}/transcript", responses={200: {"content": {kind: {} for kind in FORMS.values()}}})
async def transcript_(
    services: Here,
    request: Request,
    job_id: str,
    form: Annotated[Form | None, Query(alias="format")] = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """What was said in a recording, or read in a document; `format`, or the Accept header, chooses json, vtt or txt.

    While the job runs, it is what is there by then; `complete` in JSON, and a header in each form, tell which it is.
    """
    who = actor(request)
    job = await reading.find(services, who, job_id, "case_file", "partial")
    found = transcripts.by_now(services, who, job)
    if found is None:
        raise not_there(job, "transcript")
    chosen = form or _accepted(accept)
    if chosen == "vtt" and job.source == "document":
        raise not_there(job, "subtitles")
    told = {COMPLETE: str(found.complete).lower()}
    return Response(_written(found, chosen), media_type=FORMS[chosen], headers=told)


@deletable.delete("/result/{job_id}", response_model=Deleted)
async def delete(services: Here, request: Request, job_id: str) -> Deleted:
    """Cancel the job if it is open, and destroy the key of everything that it holds."""
    job = await reading.look(services, actor(request).tenant, job_id)
    if job is None:
        raise not_found()
    return Deleted(job_id=job.id, status=await ending.end(services, actor(request), job))


def _wait_s(request: Request) -> float:
    asked = request.query_params.get("wait")
    if asked is None:
        return 0.0
    try:
        return _seconds.validate_python(asked)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("query", "wait")} for each in error.errors()]) from None


def not_there(job: Job, what: str) -> ProblemError:
    """The answer where a job has no such thing, or none yet."""
    if not job.status.terminal:
        return ProblemError(409, "not_ready", f"The job has not ended: there is no {what} yet.")
    return ProblemError(404, "no_such_record", f"This job has no {what}.")


def _written(found: Transcript, form: Form) -> str:
    if form == "vtt":
        return transcript.to_vtt(found.case)
    if form == "txt":
        return transcript.to_txt(found.case)
    return json.dumps(transcript.to_json(found.case, complete=found.complete), ensure_ascii=False)


def _accepted(accept: str) -> Form:
    for kind in accept.split(","):
        name = kind.partition(";")[0].strip().lower()
        for form, media in FORMS.items():
            if name == media.partition(";")[0]:
                return form
    return "json"
