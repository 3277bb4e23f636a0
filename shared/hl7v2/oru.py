"""ORU^R01: what was found, one OBX a finding, under one OBR for each section of the document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import count

from shared.fhir_json import Resource
from shared.hl7v2.encoding import lines, message, parts, segment, short, time
from shared.hl7v2.heading import APPLICATION, Chart, msh, pid, pv1
from shared.terminologies import HPO, ICD10CM, LOINC, RXNORM, SNOMED, UCUM

SYSTEMS = {LOINC: "LN", ICD10CM: "I10C", RXNORM: "RXNORM", SNOMED: "SCT", UCUM: "UCUM", HPO: "99HPO"}
"""HL7 table 0396; 99... is a local name."""
LOCAL = "99CLINQ"
STATUS = {"amended": "C", "corrected": "C"}
PRELIMINARY, CANCELLED = "P", "X"
YES, NO = "Y^Yes^HL70136", "N^No^HL70136"
NOT_REVIEWED = "Asserted by software, not yet reviewed by a clinician."
REJECTED = "Rejected by a reviewer: what software found in the source is in error."
DIAGNOSIS = "29308-4^Diagnosis^LN"
PAST = "11348-0^History of Past illness^LN"
AFFIRMED = {"unconfirmed", "confirmed"}
_TAG = re.compile(r"<[^<>]+>")


def oru(bundle: Resource) -> str:
    """The message of a transaction Bundle, original or reviewed."""
    chart = Chart(bundle)
    composition = chart.first("Composition") or {}
    sections = [each for each in composition.get("section", []) if each.get("entry")]
    groups = [each for number, section in enumerate(sections, 1) for each in _group(chart, section, number)]
    if composition.get("status") == "entered-in-error":
        groups = [_obr(chart, {"title": "Rejected"}, 1, CANCELLED), segment("NTE", "1", "L", lines(REJECTED))]
    elif not groups:  # a message has at least one
        groups = [_obr(chart, {"title": "Nothing found"}, 1, PRELIMINARY)]
    visit = [pv1(chart)] if chart.visit else []
    return message(msh(chart, "ORU", "R01", "ORU_R01"), pid(chart), *visit, *groups)


def narrative(resource: Resource) -> str:
    """A resource in words, a line a paragraph, without its markup."""
    paragraphs = resource["text"]["div"].split("</p>")
    said = (" ".join(unescape(_TAG.sub(" ", each)).split()) for each in paragraphs)
    return "\n".join(each for each in said if each)


def coded(concept: Resource, *, fallback: str) -> str:
    """A CodeableConcept as CE: one code at most, and the words of the source."""
    words = short(concept.get("text") or fallback)
    for each in concept.get("coding", []):
        return parts(each["code"], words, SYSTEMS.get(each["system"], LOCAL))
    return parts("", words)


def _group(chart: Chart, section: Resource, number: int) -> Iterator[str]:
    entries = [chart.by_url[each["reference"]] for each in section["entry"]]
    yield _obr(chart, section, number, PRELIMINARY if any(map(_is_ai, entries)) else "F")
    place = count(1)
    name = coded(section.get("code", {}), fallback=section["title"])
    for resource in entries:
        notes = [NOT_REVIEWED] if _is_ai(resource) else []
        if resource["resourceType"] == "Condition":
            notes.append(narrative(resource))
        for words in _values(resource, name):
            yield _obx(resource, next(place), words)
            for place_of_note, note in enumerate(notes, 1):
                yield segment("NTE", str(place_of_note), "L", lines(note))


def _obr(chart: Chart, section: Resource, number: int, status: str) -> str:
    """A section; receivers tell orders apart by the filler's number: each has its own, whatever others are left out."""
    fields = [""] * 25
    fields[0], fields[2] = str(number), parts(f"{chart.job_id}/{_filler(section)}", APPLICATION)
    fields[3] = coded(section.get("code", {}), fallback=section["title"])
    fields[6] = fields[21] = chart.at
    fields[24] = status
    return segment("OBR", *fields)


def _filler(section: Resource) -> str:
    """The section's code, or its title in small letters."""
    codes = (each["code"] for each in section.get("code", {}).get("coding", []))
    return str(next(codes, section["title"].casefold().replace(" ", "-")))


def _obx(resource: Resource, number: int, value: tuple[str, str, str, str]) -> str:
    kind, name, words, unit = value
    when = time(resource.get("effectiveDateTime") or resource.get("recordedDate"))
    return segment("OBX", str(number), kind, name, "", words, unit, "", "", "", "", _status(resource), "", "", when)


def _values(resource: Resource, section: str) -> Iterator[tuple[str, str, str, str]]:
    """Type, name, value and unit of each OBX of a resource."""
    if resource["resourceType"] == "Observation":
        yield from _observed(resource, coded(resource["code"], fallback="Finding"))
    elif _code(resource, "verificationStatus") in AFFIRMED and resource["resourceType"] == "Condition":
        name = PAST if _code(resource, "clinicalStatus") in {"inactive", "resolved"} else DIAGNOSIS
        yield "CE", name, coded(resource["code"], fallback="Diagnosis"), ""
    else:  # denied, doubted or told of others: only the words say it without being misread
        yield "TX", section, lines(narrative(resource)), ""


def _observed(held: Resource, name: str) -> Iterator[tuple[str, str, str, str]]:
    if "valueBoolean" in held:
        yield "CE", name, YES if held["valueBoolean"] else NO, ""
    elif "valueQuantity" in held:
        yield "NM", name, str(held["valueQuantity"]["value"]), _unit(held["valueQuantity"])
    elif "valueString" in held:
        yield "TX", name, lines(held["valueString"]), ""
    elif "valueCodeableConcept" in held:
        yield "CE", name, coded(held["valueCodeableConcept"], fallback="stated"), ""
    for each in held.get("component", []):
        yield from _observed(each, coded(each["code"], fallback="Detail"))


def _unit(quantity: Resource) -> str:
    if "code" in quantity:
        return parts(quantity["code"], quantity.get("unit", quantity["code"]), "UCUM")
    return parts("", quantity.get("unit", "")) if "unit" in quantity else ""


def _code(resource: Resource, name: str) -> str | None:
    return next((each["code"] for each in resource.get(name, {}).get("coding", [])), None)


def _status(resource: Resource) -> str:
    """Final once a clinician stands for it; most types say that by their label alone."""
    return PRELIMINARY if _is_ai(resource) else STATUS.get(resource.get("status", ""), "F")


def _is_ai(resource: Resource) -> bool:
    return any(each["code"] == "AIAST" for each in resource["meta"]["security"])
