"""MedicationStatement: what the patient takes, took, is to take or does not take."""

from __future__ import annotations

from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import clinical, concept
from worker.fhir.dosage import dosage
from worker.fhir.elements import element
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


def medication(chart: Chart, finding: Finding) -> Entry:
    """A MedicationStatement; of what is not taken, no dosage."""
    status = _status(finding)
    how = dosage(chart.case, finding)
    fields = element(
        status=status,
        medicationCodeableConcept=concept(finding.words, *clinical(finding.codes)),
        subject=chart.subject,
        context=chart.encounter,
        dateAsserted=chart.recorded,
        derivedFrom=[chart.source],
        dosage=None if status == "not-taken" else [how],
    )
    said = f"{finding.words}, {status}" + ("" if status == "not-taken" else f": {how['text']}") + " (AI asserted)"
    return chart.asserted("MedicationStatement", finding.key, said, finding.spans, fields)


def _status(finding: Finding) -> str:
    """What the sense says comes first: a drug that is denied is not active, whatever word stands beside it."""
    first = finding.first
    if first.assertion == "absent":
        return "not-taken"
    if first.assertion == "possible":
        return "unknown"
    if first.temporality == "planned":
        return "intended"
    stated = STATED.get((finding.attribute("status") or "").casefold())
    return stated or ("completed" if first.temporality == "past" else "active")
