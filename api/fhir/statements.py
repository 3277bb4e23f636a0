"""What the service says of itself in FHIR: its CapabilityStatement and the definition of $extract."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from api.fhir.outcome import ROOT

SINCE = "2026-11-21"
"""The day on which what is stated here last changed."""
FHIR_VERSION = "4.0.1"
WHAT = (
    "Clinical text or a recorded consultation to a Bundle of what it says: problems, symptoms, medications, allergies, "
    "vital signs each labelled as asserted by software, unconfirmed, with the place in the source that says it."
)
HOW = (
    "An API key or access token: Authorization: Bearer, or X-API-Key. Asynchronous requests: with "
    "Prefer: respond-async, $extract answers 202 with Content-Location; ask there (202 with X-Progress and "
    "Retry-After, 200 with the Bundle), or DELETE it."
)


def capabilities(base: str) -> dict[str, Any]:
    """The CapabilityStatement of the service at this address."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "clinq",
        "url": f"{base}{ROOT}/metadata",
        "version": version("clinq"),
        "name": "Clinq",
        "title": "clinq",
        "status": "active",
        "date": SINCE,
        "description": WHAT,
        "kind": "instance",
        "software": {"name": "clinq", "version": version("clinq")},
        "implementation": {"description": "This clinq service", "url": f"{base}{ROOT}"},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": HOW,
                "security": {"description": "An API key or access token in each request but this one."},
                "resource": [{"type": "OperationDefinition", "interaction": [{"code": "read"}]}],
                "operation": [{"name": "extract", "definition": definition_url(base), "documentation": WHAT}],
            }
        ],
    }


def operation(base: str) -> dict[str, Any]:
    """The OperationDefinition of $extract."""
    return {
        "resourceType": "OperationDefinition",
        "id": "extract",
        "url": definition_url(base),
        "version": version("clinq"),
        "name": "Extract",
        "title": "Extract facts from a clinical document",
        "status": "active",
        "kind": "operation",
        "date": SINCE,
        "description": WHAT,
        "affectsState": True,
        "code": "extract",
        "comment": "Send Parameters with one of text, attachment and document; or a DocumentReference itself; or a "
        "Bundle that holds one, with its Patient, Encounter and Binary beside it. " + HOW,
        "system": True,
        "type": False,
        "instance": False,
        "parameter": [_in(*each) for each in INPUT] + [OUTPUT],
    }


def definition_url(base: str) -> str:
    """The canonical address of the operation's definition."""
    return f"{base}{ROOT}/OperationDefinition/extract"


INPUT = (
    ("text", "1", "string", "The text of the document."),
    (
        "attachment",
        "1",
        "Attachment",
        "The document as inline data: text/plain or text/html with its charset, PDF, PNG, JPEG, TIFF, or audio.",
    ),
    ("document", "1", "DocumentReference", "The document as a DocumentReference with inline data."),
    ("language", "1", "code", "Its language, as en or es-MX; found out where it is not told."),
    ("patient", "1", "Reference", "The patient: a reference on your server, or by identifier; or a Patient resource."),
    ("subject", "1", "Reference", "The same as patient."),
    (
        "encounter",
        "1",
        "Reference",
        "The visit: a reference on your server, or by identifier; or an Encounter resource.",
    ),
    ("stages", "*", "code", "Only these stages: extract, classify, summarize, recommend. All of them by default."),
    ("priority", "1", "code", "interactive, default or bulk."),
    ("callbackUrl", "1", "url", "Called back when the job has ended."),
    ("cache", "1", "boolean", "false: compute anew, and share the result with no other request."),
)
OUTPUT = {
    "name": "return",
    "use": "out",
    "min": 1,
    "max": "1",
    "documentation": "A transaction Bundle; or an OperationOutcome, where the document holds too little to go on.",
    "type": "Resource",
}


def _in(name: str, most: str, kind: str, documentation: str) -> dict[str, Any]:
    return {"name": name, "use": "in", "min": 0, "max": most, "documentation": documentation, "type": kind}
