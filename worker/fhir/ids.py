"""Names that stay the same when the same note comes again, so that no server stores it twice."""

from __future__ import annotations

import hashlib
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.case import Case
from shared.job import Encounter, Patient

NAMESPACE = uuid5(NAMESPACE_URL, "urn:clinq:fhir")
_BETWEEN = "\x1f"  # a character that no identifier holds


def document_id(case: Case) -> UUID:
    """The identity of the source: who it is about, which visit, and what it says.

    The job and the model's version are not part of it: the same note sent again, or read by a newer model, is the same
    document. Notes of two patients differ even where their words agree; without a patient only the words can tell.
    """
    text = hashlib.sha256((case.text or "").encode("utf-8", "surrogatepass")).hexdigest()
    origin = case.origin
    return named(NAMESPACE, origin.tenant, _person(origin.patient), _visit(origin.encounter), text)


def named(space: UUID, *parts: str) -> UUID:
    """The UUIDv5 of these parts."""
    return uuid5(space, _BETWEEN.join(parts).encode("utf-8", "replace").decode())


def full_url(name: UUID) -> str:
    """How entries of one bundle refer to each other."""
    return f"urn:uuid:{name}"


def search(parameter: str, system: str, value: str) -> str:
    """A search for one token, for ifNoneExist: FHIR's own marks escaped, then what a URL cannot hold."""
    for mark in "\\$,|":
        system, value = system.replace(mark, "\\" + mark), value.replace(mark, "\\" + mark)
    return f"{parameter}={quote(system, safe=':/.-_~')}|{quote(value, safe=':/.-_~')}"


def _person(patient: Patient | None) -> str:
    if patient is None:
        return ""
    if patient.reference or patient.identifier:
        return patient.reference or f"{patient.system or ''}|{patient.identifier}"
    return patient.model_dump_json(exclude_none=True)


def _visit(encounter: Encounter | None) -> str:
    if encounter is None:
        return ""
    if encounter.reference or encounter.identifier:
        return encounter.reference or f"{encounter.system or ''}|{encounter.identifier}"
    return encounter.model_dump_json(exclude_none=True)
