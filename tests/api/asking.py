"""What a FHIR client sends and reads in tests of the gateway."""

from __future__ import annotations

import base64
from typing import Any

import httpx
from fhir.resources.R4B.operationoutcome import OperationOutcome

from tests.api.conftest import NOTE, Gateway

EXTRACT = "/fhir/$extract"
FHIR_JSON = "application/fhir+json"
ASYNC = {"Prefer": "respond-async"}


def parameters(*named: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [*named]}


def text(words: str = NOTE) -> dict[str, Any]:
    return {"name": "text", "valueString": words}


def attachment(data: bytes, content_type: str = "text/plain; charset=utf-8", **more: Any) -> dict[str, Any]:
    return {"contentType": content_type, "data": base64.b64encode(data).decode(), **more}


def document(data: bytes = NOTE.encode(), content_type: str = "text/plain", **more: Any) -> dict[str, Any]:
    content = [{"attachment": attachment(data, content_type)}]
    return {"resourceType": "DocumentReference", "status": "current", "content": content, **more}


def bundle(*resources: dict[str, Any], **urls: str) -> dict[str, Any]:
    """A collection; `urls` are fullUrls by resource type."""
    entries = [
        {"resource": each} | ({"fullUrl": urls[each["resourceType"]]} if each["resourceType"] in urls else {})
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


async def begin(gateway: Gateway, body: dict[str, Any] | None = None, **headers: str) -> str:
    """Start a job without waiting; its id."""
    answer = await gateway.client.post(EXTRACT, json=body or parameters(text()), headers=ASYNC | headers)
    assert answer.status_code == 202, answer.text
    return answer.headers["Content-Location"].rpartition("/")[2]


def outcome(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The OperationOutcome that was answered, which FHIR's own model accepts."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == FHIR_JSON
    told: dict[str, Any] = answer.json()
    OperationOutcome.model_validate(told)
    return told


def issue(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The first issue of it."""
    first: dict[str, Any] = outcome(answer, status)["issue"][0]
    return first


def code(answer: httpx.Response, status: int) -> str:
    """Our stable word for what went wrong."""
    return str(issue(answer, status)["details"]["coding"][0]["code"])
