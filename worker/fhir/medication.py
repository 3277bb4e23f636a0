"""What the patient takes, took, is to take or does not take: MedicationStatement, or MedicationRequest by setting."""

from __future__ import annotations

from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import concept
from worker.fhir.dosage import dosage
from worker.fhir.elements import Element, element
from worker.fhir.findings import Finding

STATED = {
    "active": "active",
    "started": "active",
    "continued": "active",
    "increased": "active",
    "decreased": "active",
    "stopped": "stopped",
    "discontinued": "stopped",
    "held": "on-hold",
    "on hold": "on-hold",
    "completed": "completed",
}
"""The words of the mention's attribute `status`, with the code for them."""
NOT_TAKEN = "not-taken"


def medication(chart: Chart, finding: Finding) -> Entry | None:
    """A MedicationStatement, or a MedicationRequest where the operator wants one.

    Of what is not taken there is no dosage. No request can say that something is not taken: it becomes None.
    """
    status = _status(finding)
    how = dosage(chart.case, finding)
    said = f"{finding.words}, {status}" + ("" if status == NOT_TAKEN else f": {how['text']}") + " (AI asserted)"
    if chart.operator.medication == "statement":
        fields = _statement(chart, finding, status, how)
        return chart.asserted("MedicationStatement", finding.key, said, finding.spans, fields)
    if status == NOT_TAKEN:
        return None
    return chart.asserted("MedicationRequest", finding.key, said, finding.spans, _request(chart, finding, status, how))


def _statement(chart: Chart, finding: Finding, status: str, how: Element) -> Element:
    return element(
        status=status,
        medicationCodeableConcept=concept(finding.words, *chart.coded(finding)),
        subject=chart.subject,
        context=chart.encounter,
        dateAsserted=chart.recorded,
        derivedFrom=[chart.source],
        dosage=None if status == NOT_TAKEN else [how],
    )


def _request(chart: Chart, finding: Finding, status: str, how: Element) -> Element:
    """What somebody reported, as US Core wants it: no order, hence intent plan and reportedBoolean."""
    return element(
        status="draft" if status == "intended" else status,
        intent="plan",
        reportedBoolean=True,
        medicationCodeableConcept=concept(finding.words, *chart.coded(finding)),
        subject=chart.subject,
        encounter=chart.encounter,
        authoredOn=chart.recorded,
        supportingInformation=[chart.source],
        dosageInstruction=[how],
    )


def _status(finding: Finding) -> str:
    """What the sense says comes first: a drug that is denied is not active, whatever word stands beside it."""
    first = finding.first
    if first.assertion == "absent":
        return NOT_TAKEN
    if first.assertion == "possible":
        return "unknown"
    if first.temporality == "planned":
        return "intended"
    stated = STATED.get((finding.attribute("status") or "").casefold())
    return stated or ("completed" if first.temporality == "past" else "active")
