"""Condition: what the text says the patient has, had, may have or does not have."""

from __future__ import annotations

from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import coded, concept, hl7
from worker.fhir.elements import Value, element
from worker.fhir.findings import Finding

VERIFICATION = {
    "present": coded(hl7("condition-ver-status"), "unconfirmed", "Unconfirmed"),
    "possible": coded(hl7("condition-ver-status"), "provisional", "Provisional"),
    "absent": coded(hl7("condition-ver-status"), "refuted", "Refuted"),
}
ACTIVE = coded(hl7("condition-clinical"), "active", "Active")
INACTIVE = coded(hl7("condition-clinical"), "inactive", "Inactive")
RESOLVED = coded(hl7("condition-clinical"), "resolved", "Resolved")
CATEGORY = coded(hl7("condition-category"), "encounter-diagnosis", "Encounter Diagnosis")
SAID = {"present": "unconfirmed", "possible": "possible, provisional", "absent": "denied or ruled out in the source"}


def condition(chart: Chart, finding: Finding) -> Entry | None:
    """A Condition; None where the text only plans to look for it."""
    first = finding.first
    if first.temporality == "planned":
        return None
    fields = element(
        clinicalStatus=_clinical_status(finding),
        verificationStatus=VERIFICATION[first.assertion],
        category=[CATEGORY],
        severity=concept(finding.attribute("severity")),
        code=concept(finding.words, *chart.coded(finding)),
        bodySite=[concept(side)] if (side := finding.attribute("laterality")) else None,
        subject=chart.subject,
        encounter=chart.encounter,
        onsetString=finding.attribute("duration"),
        recordedDate=chart.recorded,
        evidence=[{"detail": [chart.source]}],
    )
    past = "past, " if first.temporality == "past" else ""
    details = [finding.sided, finding.attribute("severity"), finding.attribute("duration")]
    said = f"{', '.join(filter(None, details))} ({past}{SAID[first.assertion]}, AI asserted)"
    return chart.asserted("Condition", finding.key, said, finding.spans, fields)


def _clinical_status(finding: Finding) -> dict[str, Value] | None:
    """Past is inactive, which claims less than resolved; what was refuted has no course."""
    if finding.first.assertion == "absent":
        return None
    if finding.attribute("status") == "resolved":
        return RESOLVED
    return INACTIVE if finding.first.temporality == "past" else ACTIVE
