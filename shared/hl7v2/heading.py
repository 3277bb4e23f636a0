"""The first segments of every message: what is sent (MSH), of whom (PID), at which visit (PV1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from shared.fhir_json import Resource
from shared.hl7v2.encoding import ENCODING, parts, segment, short, text, time

VERSION = "2.5.1"
APPLICATION = "CLINQ"
LONGEST_CONTROL_ID = 20  # characters (HL7 v2.5.1, MSH-10)
SEXES = {"male": "M", "female": "F", "other": "O", "unknown": "U"}
CLASSES = {"AMB": "O", "IMP": "I", "EMER": "E", "VR": "O"}
"""HL7 table 0004: a virtual visit is an outpatient's."""
NO_NAME = "^^^^^^U"
"""XPN of a person whose name is not known: its type is U, unspecified."""


class Chart:
    """The resources of one Bundle, as the messages ask for them."""

    def __init__(self, bundle: Resource) -> None:
        self.bundle = bundle
        self.by_url: dict[str, Resource] = {each["fullUrl"]: each["resource"] for each in bundle["entry"]}

    @property
    def job_id(self) -> str:
        """The job that it came from."""
        return str(self.bundle["identifier"]["value"])

    @property
    def at(self) -> str:
        """When what it was made from came in."""
        return time(self.bundle["timestamp"])

    @property
    def visit(self) -> str:
        """The reference to the visit; empty where the submitter named none."""
        return str((self.first("Composition") or {}).get("encounter", {}).get("reference", ""))

    def first(self, kind: str) -> Resource | None:
        """The first resource of that type."""
        return next(self.all(kind), None)

    def all(self, kind: str) -> Iterator[Resource]:
        """All resources of that type."""
        return (each for each in self.by_url.values() if each["resourceType"] == kind)

    def control_id(self, kind: str) -> str:
        """The same message has the same id, another one another."""
        content = f"{kind}|{self.job_id}|{sorted(self.by_url)}|{self.bundle['meta']}"
        return hashlib.sha256(content.encode()).hexdigest()[:LONGEST_CONTROL_ID].upper()


def msh(chart: Chart, kind: str, event: str, structure: str) -> str:
    """MSH of this event."""
    return segment(
        "MSH", ENCODING, APPLICATION, _facility(chart), "", "", chart.at, "",
        parts(kind, event, structure), chart.control_id(event), "P", VERSION, "", "", "", "", "", "UNICODE UTF-8",
    )  # fmt: skip


def pid(chart: Chart) -> str:
    """PID: identifiers and name as the submitter gave them; a patient whom nobody named has neither."""
    patient = chart.first("Patient") or {}
    subject = (chart.first("Composition") or {}).get("subject", {}).get("reference", "")
    identifiers = [_identifier(each) for each in patient.get("identifier", [])] or [_elsewhere(subject)]
    name = next(iter(patient.get("name", [])), None)
    return segment(
        "PID", "1", "", "~".join(identifiers), "", _name(name) if name else NO_NAME, "",
        time(patient.get("birthDate")), SEXES.get(patient.get("gender", ""), ""),
    )  # fmt: skip


def pv1(chart: Chart) -> str:
    """PV1: the visit where the submitter named one; U where nobody says what kind of visit it was."""
    visit = chart.first("Encounter") or {}
    here = next((_identifier(each) for each in visit.get("identifier", [])), "")
    number = here or (_elsewhere(chart.visit) if chart.visit else "")
    patient_class = CLASSES.get(visit.get("class", {}).get("code", ""), "U")
    period = visit.get("period", {})
    fields = [""] * 45
    fields[0], fields[1], fields[18] = "1", patient_class, number
    fields[43], fields[44] = time(period.get("start")), time(period.get("end"))
    return segment("PV1", *fields)


def _facility(chart: Chart) -> str:
    """Who runs clinq, as a local name (HD)."""
    runner = chart.first("Organization")
    return parts(runner["identifier"][0]["value"][:LONGEST_CONTROL_ID], short(runner["name"]), "L") if runner else ""


def _identifier(held: Resource) -> str:
    kind = next((each["code"] for each in held.get("type", {}).get("coding", [])), "PI")
    authority = text(held["system"])
    return f"{text(held['value'])}^^^&{authority}&{'URI' if ':' in authority else 'L'}^{text(kind)}"


def _elsewhere(reference: str) -> str:
    """The id on the receiver's server, where the submitter named only that."""
    return f"{text(reference.rpartition('/')[2])}^^^&urn:clinq:reference&URI^PI"


def _name(held: Resource) -> str:
    if "family" in held or "given" in held:
        return parts(held.get("family", ""), " ".join(held.get("given", [])))
    return parts(held.get("text", ""))
