"""Observation: symptoms that the text affirms, denies or suspects, and how the patient lives."""

from __future__ import annotations

from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import HPO, LOINC, clinical, coded, coding, concept, hl7
from worker.fhir.elements import Element, Value, element
from worker.fhir.findings import Finding
from worker.fhir.quantities import number, quantity

EXAM = coded(hl7("observation-category"), "exam", "Exam")
SYMPTOM = concept("Symptom")  # reported, not measured: no code of observation-category says so
SOCIAL = coded(hl7("observation-category"), "social-history", "Social History")
SEVERITY = coded(HPO, "HP:0012824", "Severity")
SEVERITIES = {
    "mild": coding(HPO, "HP:0012825", "Mild"),
    "moderate": coding(HPO, "HP:0012826", "Moderate"),
    "severe": coding(HPO, "HP:0012828", "Severe"),
}
SOCIAL_CODES = {
    "smoking": coding(LOINC, "11367-0", "History of Tobacco use"),
    "tobacco": coding(LOINC, "11367-0", "History of Tobacco use"),
    "alcohol": coding(LOINC, "11331-6", "History of Alcohol use"),
    "drug": coding(LOINC, "11343-1", "History of Other nonmedical drug use"),
    "occupation": coding(LOINC, "11341-5", "History of Occupation"),
}
PAST = "The source speaks of the past."


def symptom(chart: Chart, finding: Finding) -> Entry | None:
    """A symptom; None where it is only planned for.

    The code names the symptom and the value says whether it is there: true, false where the text denies it, and in
    words where the text leaves it open, because neither boolean would be right.
    """
    first = finding.first
    if first.temporality == "planned":
        return None
    examined = "exam" in (first.section or "").casefold()
    fields = {
        **shared(chart, finding, EXAM if examined else SYMPTOM),
        **element(
            code=concept(finding.words, *chart.coded(finding)),
            **_presence(finding),
            bodySite=concept(side) if (side := finding.attribute("laterality")) else None,
            component=[*_severity(finding), *_duration(finding)],
        ),
    }
    return chart.asserted("Observation", finding.key, _said(finding), finding.spans, fields)


def social(chart: Chart, finding: Finding) -> Entry | None:
    """A habit, an occupation or a living situation, in the words of the note; None where it is planned or possible."""
    first = finding.first
    if first.temporality == "planned" or first.assertion == "possible":
        return None
    name = finding.name.casefold()
    known = [code for word, code in SOCIAL_CODES.items() if word in name][:1]
    value = {"valueBoolean": False} if first.assertion == "absent" else {"valueString": finding.words}
    fields = {
        **shared(chart, finding, SOCIAL),
        "code": concept(finding.name, *(known or clinical(finding.codes))),
        **value,
    }
    return chart.asserted("Observation", f"social|{finding.key}", _said(finding), finding.spans, fields)


def shared(chart: Chart, finding: Finding, category: Element) -> dict[str, Value]:
    """What all Observations have; a past one has no date, since nobody says when it was."""
    past = finding.first.temporality == "past"
    return element(
        status="preliminary",
        category=[category],
        subject=chart.subject,
        encounter=chart.encounter,
        effectiveDateTime=None if past else chart.effective,
        device=chart.device,
        derivedFrom=[chart.source],
        note=[{"text": PAST}] if past else None,
    )


def _presence(finding: Finding) -> dict[str, Value]:
    if finding.first.assertion == "possible":
        return {"valueCodeableConcept": concept("possible")}
    return {"valueBoolean": finding.first.assertion == "present"}


def _severity(finding: Finding) -> list[Element]:
    words = finding.attribute("severity")
    if not words:
        return []
    known = SEVERITIES.get(words.casefold())
    return [{"code": SEVERITY, "valueCodeableConcept": concept(words, *([known] if known else []))}]


def _duration(finding: Finding) -> list[Element]:
    words, days = finding.attribute("duration"), number(finding.attribute("duration_days"))
    if days is not None:
        return [{"code": concept("Duration"), "valueQuantity": quantity(days, "d")}]
    return [{"code": concept("Duration"), "valueString": words}] if words else []


def _said(finding: Finding) -> str:
    first = finding.first
    sense = {"absent": "denied", "possible": "possible"}.get(first.assertion, "")
    details = [finding.attribute("severity"), finding.attribute("duration")]
    when = "past" if first.temporality == "past" else ""
    return ", ".join(each for each in (finding.sided, sense, when, *details) if each) + " (AI asserted)"
