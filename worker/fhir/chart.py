"""What every resource of one bundle refers to: the patient, the visit, the source and the software."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from shared.case import Case, Span
from worker.fhir import ids
from worker.fhir.codes import AI_LABEL, EXTRACTION_ID, clinical, coding
from worker.fhir.elements import Element, Value, element
from worker.fhir.evidence import extensions
from worker.fhir.findings import Finding
from worker.fhir.narrative import narrative
from worker.fhir.operator import Operator


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a bundle."""

    full_url: str
    resource: dict[str, Value]
    if_none_exist: str
    """The search that finds the resource where a server has it already."""
    said: str
    """The resource in words."""
    labelled: bool = False
    """Whether software asserted it, so that it carries the AI label and stands in the Provenance."""

    @property
    def kind(self) -> str:
        """The resource's type."""
        return str(self.resource["resourceType"])

    @property
    def reference(self) -> Element:
        """How other resources of the bundle name it."""
        return {"reference": self.full_url}


@dataclass(frozen=True, slots=True)
class Chart:
    """The case, and the references that its resources share."""

    case: Case
    document: UUID
    """The identity of the source, from which all names follow."""
    subject: Element
    encounter: Element | None
    source: Element
    """The DocumentReference that holds the text."""
    device: Element
    """The model that found the facts."""
    software: Element
    """clinq itself."""
    operator: Operator
    """Who runs it, and what they have chosen."""

    def coded(self, finding: Finding) -> list[Element]:
        """The codes of what a finding names, the operator's own among them."""
        own = self.operator.snomed.get(" ".join(finding.name.casefold().split()))
        return [*clinical(finding.codes), *([coding(own.system, own.code, own.display)] if own else [])]

    @property
    def recorded(self) -> str:
        """When the text came in."""
        return self.case.origin.received_at.isoformat(timespec="seconds")

    @property
    def effective(self) -> str:
        """The time that the note speaks of: the visit's start where the caller named it, else when it came in."""
        encounter = self.case.origin.encounter
        return encounter.start.isoformat(timespec="seconds") if encounter and encounter.start else self.recorded

    def asserted(self, kind: str, key: str, said: str, evidence: Iterable[Span], fields: Element) -> Entry:
        """A resource that software asserts: labelled, named, with its evidence."""
        name = str(ids.named(self.document, kind, key))
        identifier = {"system": EXTRACTION_ID, "value": name}
        resource: dict[str, Value] = element(
            resourceType=kind,
            meta={"security": [AI_LABEL], "tag": [{"system": EXTRACTION_ID, "code": name}]},
            text=narrative([said]),
            extension=extensions(self.source, evidence),
            identifier=identifier if kind == "Composition" else [identifier],  # its only 0..1 among them
        )
        search = ids.search("_tag", EXTRACTION_ID, name)
        return Entry(f"urn:uuid:{name}", {**resource, **fields}, search, said, labelled=True)


def given(kind: str, name: UUID, said: str, if_none_exist: str, fields: Element) -> Entry:
    """A resource that the caller or the operator states: no label, no evidence."""
    resource: dict[str, Value] = {"resourceType": kind, "text": narrative([said]), **fields}
    return Entry(ids.full_url(name), resource, if_none_exist, said)
