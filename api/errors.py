"""Every error as an RFC 9457 problem document, or FHIR's own: what to change, and nothing of what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.fhir import outcome
from api.ml.asked import Again, Complaint, Predict, Promotion, Symptoms
from shared.errors import (
    AudioTooLongError,
    BackingServiceError,
    BadAudioError,
    BadDocumentError,
    ClinqError,
    ReviewedSinceError,
    TooManyReviewsError,
    UnsupportedAudioError,
    UnsupportedDocumentError,
)
from shared.feedback import Feedback
from shared.job import Encounter, JobRequest, Patient
from shared.review.asked import Coded, Correction, Review
from shared.series import Measurement, Series

log = structlog.get_logger()
PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 2
ERRORS_SHOWN = 20
MODELS_ASKED = (Predict, Symptoms, Complaint, Promotion, Again, Feedback)
FIELDS = (
    frozenset(
        name
        for model in (JobRequest, Patient, Encounter, Review, Correction, Coded)
        for field, info in model.model_fields.items()
        for name in (field, info.alias)
        if name
    )
    | {"username", "password", "refresh_token", "name", "scopes", "wait", "format", "type", "file", "items"}
    | {"reviewed", "message", "update", *Series.model_fields, *Measurement.model_fields}
    | {name for model in MODELS_ASKED for name in model.model_fields}
    | {"limit", "cursor", "from", "to", "step", "a", "b"}
    | {"after", "most", "reason", "status", "url", "state", "job_id", "batch_id"}
)
"""Names that a pointer may hold; any other was chosen by the client, and is not repeated."""
STATUS = {
    UnsupportedAudioError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    AudioTooLongError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BadAudioError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnsupportedDocumentError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    BadDocumentError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ReviewedSinceError: HTTPStatus.PRECONDITION_FAILED,
    TooManyReviewsError: HTTPStatus.CONFLICT,
    BackingServiceError: HTTPStatus.SERVICE_UNAVAILABLE,
}
WRONG = "Something went wrong here."
SURROGATE = "the text holds a lone surrogate, which is no Unicode character"
DETAILS = {
    400: "The request cannot be read: check its body and headers.",
    404: "There is nothing at this address.",
    405: "This address does not take this method; see the Allow header.",
    413: "The body is larger than the limit.",
}


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON Pointer to the field, or ?name for a query parameter")
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(examples=["urn:clinq:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str
    code: str = Field(description="a stable word for programs")
    request_id: str | None = None
    errors: list[FieldProblem] | None = None


class ProblemError(HTTPException):
    """Raise it anywhere on the way of a request: it becomes the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.code = code
        self.errors = errors


def not_found() -> ProblemError:
    """One and the same answer for a job that never was and for another tenant's."""
    return ProblemError(404, "job_not_found", "There is no such job.")


def unauthorized() -> ProblemError:
    """No key, or one that does not hold."""
    detail = "Send an API key or an access token: Authorization: Bearer <token>."
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def unavailable(code: str, detail: str, *, retry_after_s: int = RETRY_AFTER_S) -> ProblemError:
    """Try again in a moment."""
    return ProblemError(503, code, detail, headers={"Retry-After": str(retry_after_s)})


def invalid(pointer: str, detail: str) -> ProblemError:
    """One field does not hold what it should."""
    summary = f"{detail[:1].upper()}{detail[1:]}."
    return ProblemError(422, "invalid", summary, errors=[FieldProblem(pointer=pointer, detail=detail)])


def in_body(error: ValidationError) -> RequestValidationError:
    """What is wrong with a body, or with fields that were read by hand, as if FastAPI had read them."""
    return RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)])


def respond(
    status: int,
    code: str,
    detail: str,
    *,
    request_id: str | None = None,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    path: str = "",
) -> Response:
    """The problem as a response, in the form that the address at `path` speaks."""
    if outcome.is_fhir(path):
        fields = [(each.pointer, each.detail) for each in errors]
        return outcome.refused(status, code, detail, request_id=request_id, fields=fields, headers=headers)
    problem = Problem(
        type=f"urn:clinq:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=list(errors) or None,
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status, dict(headers or {}), media_type=PROBLEM_JSON)


def add_to(app: FastAPI) -> None:
    """Answer each kind of error."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ClinqError, _clinq)


async def _http(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)
    known = isinstance(http, ProblemError)
    code = http.code if isinstance(http, ProblemError) else HTTPStatus(http.status_code).name.lower()
    detail = http.detail if known else DETAILS.get(http.status_code, "The request cannot be answered.")
    errors = http.errors if isinstance(http, ProblemError) else ()
    return _respond(request, http.status_code, code, detail, errors=errors, headers=http.headers)


async def _validation(request: Request, error: Exception) -> Response:
    errors = field_problems(cast("RequestValidationError", error).errors())
    where = "the issues" if outcome.is_fhir(request.scope["path"]) else "errors"
    detail = f"The request does not hold what it should: see {where}."
    return _respond(request, 422, "invalid", detail, errors=errors)


async def _clinq(request: Request, error: Exception) -> Response:
    known = cast("ClinqError", error)
    status = next((status for kind, status in STATUS.items() if isinstance(known, kind)), None)
    if status is None:
        log.error("request failed", exc_info=error)
        return _respond(request, 500, "internal", WRONG)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    detail = "A service behind this one is away: try again." if headers else str(known)
    if headers:
        log.warning("backing service away", reason=str(known))
    return _respond(request, status, known.code, detail, headers=headers)


def _respond(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    path, name = request.scope["path"], request_id(request)
    return respond(status, code, detail, request_id=name, errors=errors, headers=headers, path=path)


def request_id(request: Request) -> str | None:
    """The id that the log carries for this request."""
    return cast("str | None", request.scope.get("clinq.request_id"))


def field_problems(errors: Iterable[Mapping[str, Any]]) -> list[FieldProblem]:
    """Pydantic's errors with pointers and sentences of which no part comes from the client."""
    listed = list(errors)
    within = {tuple(each["loc"][:-1]) for each in listed}  # a list of which no item fits is not "too short" as well
    told = [each for each in listed if each["type"] != "too_short" or tuple(each["loc"]) not in within]
    return [_field_problem(each) for each in told[:ERRORS_SHOWN]]


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    place, *path = error["loc"] or ("body",)
    kind = str(error["type"])
    if kind == "json_invalid":
        surrogate = "hex escape" in str(error["msg"])  # the parser's words for \\ud800 without its other half
        return FieldProblem(pointer="", detail=SURROGATE if surrogate else "the body is not valid JSON")
    known: list[str] = []
    for part in path:
        if not isinstance(part, int) and part not in FIELDS:
            break
        known.append(str(part))
    pointer = f"?{known[0]}" if place == "query" and known else "".join(f"/{part}" for part in known)
    return FieldProblem(pointer=pointer, detail=sentence(kind, str(error["msg"])))


def sentence(kind: str, message: str) -> str:
    """What one of pydantic's errors says, without what the client chose."""
    if kind == "string_unicode":
        return SURROGATE
    if kind == "extra_forbidden":
        return "an unknown field is not allowed here"
    if kind in {"model_attributes_type", "model_type", "dict_type"}:
        return "a JSON object is expected here; send Content-Type: application/json"
    return json.dumps(message.removeprefix("Value error, "), ensure_ascii=False)[1:-1]
