"""AllergyIntolerance: allergies that the text states or denies, and the statement that none are known."""

from __future__ import annotations

from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import IPS_ABSENT, RXNORM, coded, coding, concept, hl7
from worker.fhir.elements import Element, element
from worker.fhir.findings import Finding

ACTIVE = coded(hl7("allergyintolerance-clinical"), "active", "Active")
INACTIVE = coded(hl7("allergyintolerance-clinical"), "inactive", "Inactive")
UNCONFIRMED = coded(hl7("allergyintolerance-verification"), "unconfirmed", "Unconfirmed")
REFUTED = coded(hl7("allergyintolerance-verification"), "refuted", "Refuted")
NONE_KNOWN = {
    "no known allergies": coding(IPS_ABSENT, "no-known-allergies", "No known allergies"),
    "no known drug allergies": coding(IPS_ABSENT, "no-known-medication-allergies", "No known medication allergies"),
    "no known medication allergies": coding(
        IPS_ABSENT, "no-known-medication-allergies", "No known medication allergies"
    ),
    "no known food allergies": coding(IPS_ABSENT, "no-known-food-allergies", "No known food allergies"),
    "no known environmental allergies": coding(
        IPS_ABSENT, "no-known-environmental-allergies", "No known environmental allergies"
    ),
}
CATEGORIES = {"food", "medication", "environment", "biologic"}
SEVERITIES = {"mild", "moderate", "severe"}


def allergy(chart: Chart, finding: Finding) -> Entry | None:
    """An AllergyIntolerance; None where it is only planned to look for one.

    That no allergies are known is an affirmed statement with its own code, whatever cue the text uses for it.
    """
    first = finding.first
    if first.temporality == "planned":
        return None
    none_known = NONE_KNOWN.get(finding.name.casefold())
    denied = first.assertion == "absent" and none_known is None
    fields = element(
        clinicalStatus=INACTIVE if denied or first.temporality == "past" else ACTIVE,
        verificationStatus=REFUTED if denied else UNCONFIRMED,
        category=_category(finding),
        code=concept(finding.words, *([none_known] if none_known else chart.coded(finding))),
        patient=chart.subject,
        encounter=chart.encounter,
        recordedDate=chart.recorded,
        note=[{"text": "The source calls it possible."}] if first.assertion == "possible" else None,
        reaction=None if denied or none_known else _reactions(finding),
    )
    return chart.asserted("AllergyIntolerance", finding.key, _said(finding, none_known), finding.spans, fields)


def _said(finding: Finding, none_known: Element | None) -> str:
    """What of, in which sense and with which reaction: for receivers to whom only the words go."""
    sense = "" if none_known else {"absent": ", denied", "possible": ", possible"}.get(finding.first.assertion, "")
    shown = [] if none_known or finding.first.assertion == "absent" else _shown(finding)
    return f"{finding.words}{sense}{': ' if shown else ''}{', '.join(shown)} (AI asserted, unconfirmed)"


def _category(finding: Finding) -> list[str] | None:
    stated = finding.attribute("category")
    if stated in CATEGORIES:
        return [stated] if stated else None
    return ["medication"] if any(each.system == RXNORM for each in finding.codes) else None


def _reactions(finding: Finding) -> list[Element]:
    shown = [concept(each) for each in _shown(finding)]
    severity = (finding.attribute("severity") or "").casefold()
    if not shown:
        return []
    return [element(manifestation=shown, severity=severity if severity in SEVERITIES else None)]


def _shown(finding: Finding) -> list[str]:
    """The reactions, in words."""
    return [each.value for each in finding.attributes if each.name == "reaction" and each.value.strip()]
