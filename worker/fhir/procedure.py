"""Procedure: what was done to the patient, never what is only planned, doubted or denied."""

from __future__ import annotations

from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import concept
from worker.fhir.elements import element
from worker.fhir.findings import Finding


def procedure(chart: Chart, finding: Finding) -> Entry | None:
    """A completed Procedure; None where the text does not say that it was done."""
    first = finding.first
    if first.assertion != "present" or first.temporality == "planned":
        return None
    fields = element(
        status="completed",
        code=concept(finding.words, *chart.coded(finding)),
        subject=chart.subject,
        encounter=chart.encounter if first.temporality == "current" else None,
        bodySite=[concept(side)] if (side := finding.attribute("laterality")) else None,
    )
    return chart.asserted("Procedure", finding.key, f"{finding.sided} (AI asserted)", finding.spans, fields)
