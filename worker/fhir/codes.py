"""The code systems that may leave clinq, what their codes look like, and the codes that clinq itself sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from shared import terminologies
from shared.case import Code
from shared.terminologies import CLINICAL
from shared.terminologies import HPO as HPO
from shared.terminologies import LOINC as LOINC
from shared.terminologies import RXNORM as RXNORM
from shared.terminologies import UCUM as UCUM
from worker.fhir.elements import Element, Value, clean, element

OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
AI_DEVICE = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS"
AI_REVIEWED = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AddedProvenanceCS"
IPS_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
DOCUMENT_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"

# Names of clinq's own; `urn:` because they name and do not locate.
EXTRACTION_ID = "urn:clinq:extraction-id"
JOB_ID = "urn:clinq:job-id"
REVIEW_ID = "urn:clinq:review-id"
DOCUMENT_ID = "urn:clinq:document"
MODEL = "urn:clinq:model"
CATEGORY = "urn:clinq:category"


def hl7(name: str) -> str:
    """The URI of a code system of HL7 Terminology."""
    return f"http://terminology.hl7.org/CodeSystem/{name}"


_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")
SYSTEMS = {
    **CLINICAL,
    **dict.fromkeys(
        (
            OBSERVATION_VALUE,
            AI_DEVICE,
            AI_REVIEWED,
            IPS_ABSENT,
            DOCUMENT_CATEGORY,
            EXTRACTION_ID,
            JOB_ID,
            REVIEW_ID,
            CATEGORY,
            hl7("v2-0203"),
            hl7("v3-ActCode"),
            hl7("v3-RoleCode"),
            hl7("v3-DataOperation"),
            hl7("provenance-participant-type"),
            hl7("condition-clinical"),
            hl7("condition-ver-status"),
            hl7("condition-category"),
            hl7("allergyintolerance-clinical"),
            hl7("allergyintolerance-verification"),
            hl7("observation-category"),
        ),
        _WORD,
    ),
}
"""Every code system that a Coding of ours may name."""

AI_LABEL = {"system": OBSERVATION_VALUE, "code": "AIAST", "display": "Artificial Intelligence asserted"}
"""On everything that the models asserted (AI Transparency guide)."""


def coding(system: str, code: str, display: str | None = None) -> Element:
    """One code of one system."""
    return element(system=system, code=code, display=display)


def concept(text: str | None, *codings: Element) -> dict[str, Value]:
    """A CodeableConcept: the words, and the codes for them where there are any."""
    return element(coding=list(codings), text=clean(text) if text else None)


def coded(system: str, code: str, display: str) -> dict[str, Value]:
    """A CodeableConcept that clinq sets itself: the words are the code's own."""
    return concept(display, coding(system, code, display))


def clinical(codes: Iterable[Code]) -> list[Element]:
    """The codes that may leave, once each; one of another system or of the wrong form is dropped: none beats wrong."""
    kept = {(each.system, each.code): each for each in codes if is_code(each.system, each.code, CLINICAL)}
    return [coding(each.system, each.code, _display(each)) for each in kept.values()]


def _display(code: Code) -> str | None:
    """LOINC's display names are its own; the mention has our word for the thing instead."""
    return None if code.system == LOINC else code.display


def is_code(system: str, code: str, systems: Mapping[str, re.Pattern[str]] = SYSTEMS) -> bool:
    """Whether the system is allowed and the code has its form."""
    return terminologies.is_code(system, code, systems)
