"""What goes wrong, or goes on, as a FHIR OperationOutcome: what to change, and nothing of what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from shared import fhir_json

FHIR_JSON = "application/fhir+json"
ROOT = "/fhir"
CODES = "urn:clinq:problem"
"""The system of our stable words for programs; problem documents carry the same words."""
KINDS = {
    400: "structure",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    410: "deleted",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    429: "throttled",
    500: "exception",
    503: "transient",
}
"""FHIR's IssueType for each status that clinq answers."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue; `expression` is a FHIRPath to the element that is meant."""

    kind: str
    text: str
    code: str | None = None
    severity: str = "error"
    expression: str | None = None
    diagnostics: str | None = None


def is_fhir(path: str) -> bool:
    """Whether this address speaks FHIR, its errors too."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def outcome(*issues: Issue) -> dict[str, Any]:
    """The OperationOutcome as a dictionary."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(each) for each in issues]}


def answer(status: int, resource: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Any resource as a response."""
    return Response(fhir_json.write(resource), status, dict(headers or {}), media_type=FHIR_JSON)


def told(status: int, text: str, headers: Mapping[str, str], *, diagnostics: str | None = None) -> Response:
    """How a request goes on: no error."""
    issue = Issue("informational", text, severity="information", diagnostics=diagnostics)
    return answer(status, outcome(issue), headers)


def refused(
    status: int,
    code: str,
    detail: str,
    *,
    request_id: str | None,
    fields: Iterable[tuple[str, str]],
    headers: Mapping[str, str] | None,
) -> Response:
    """An error; `fields` are pointers (FHIRPath, JSON Pointer or ?name) with what is wrong there."""
    kind = KINDS.get(status, "processing")
    diagnostics = None if request_id is None else f"request {request_id}"
    issues = [at(kind, code, pointer, text) for pointer, text in fields]
    return answer(status, outcome(Issue(kind, detail, code, diagnostics=diagnostics), *issues), headers)


def at(kind: str, code: str, pointer: str, text: str) -> Issue:
    """What is wrong at one place: a FHIRPath is the issue's expression, a setting's name stands before the words."""
    if pointer[:1] in {"", "/", "?"}:
        name = pointer[1:].replace("/", ".")
        return Issue(kind, f"{name}: {text}" if name else text, code)
    return Issue(kind, text, code, expression=pointer)


def _issue(issue: Issue) -> dict[str, Any]:
    details: dict[str, Any] = {"text": issue.text}
    if issue.code is not None:
        details = {"coding": [{"system": CODES, "code": issue.code}], **details}
    written: dict[str, Any] = {"severity": issue.severity, "code": issue.kind, "details": details}
    if issue.diagnostics is not None:
        written["diagnostics"] = issue.diagnostics
    if issue.expression is not None:
        written["expression"] = [issue.expression]
    return written
