"""Composition: the draft document that puts the resources under the headings that clinicians read by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.case import Sentence
from worker.fhir import document
from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import LOINC, coded, concept
from worker.fhir.elements import Value, element
from worker.fhir.narrative import narrative

HEADINGS = {
    "red_flags": ("Red flags", None),
    "problems": ("Problems", coded(LOINC, "11450-4", "Problem list - Reported")),
    "symptoms": ("Symptoms", coded(LOINC, "75325-1", "Symptom")),
    "vitals": ("Vital signs", coded(LOINC, "8716-3", "Vital signs")),
    "results": ("Results", coded(LOINC, "30954-2", "Relevant diagnostic tests/laboratory data Narrative")),
    "medications": ("Medications", coded(LOINC, "10160-0", "History of Medication use Narrative")),
    "allergies": ("Allergies", coded(LOINC, "48765-2", "Allergies and adverse reactions Document")),
    "family": ("Family history", coded(LOINC, "10157-6", "History of family member diseases Narrative")),
    "procedures": ("Procedures", coded(LOINC, "47519-4", "History of Procedures Document")),
    "social": ("Social history", coded(LOINC, "29762-2", "Social history Narrative")),
    "assessment": ("Assessment", coded(LOINC, "51848-0", "Evaluation note")),
    "plan": ("Plan", coded(LOINC, "18776-5", "Plan of care note")),
}
"""The sections in the order in which they stand, with their title and LOINC code."""
SUMMARY = coded(LOINC, "55112-7", "Document summary")


def composition(chart: Chart, sections: Mapping[str, Sequence[Entry]]) -> Entry:
    """The draft document about the source, by clinq."""
    summary = [each for each in chart.case.summary if each.support != "unsupported"]
    headed = [_section(name, sections[name]) for name in HEADINGS if sections.get(name)]
    fields = element(
        status="preliminary",
        type=document.kind(chart.case),
        subject=chart.subject,
        encounter=chart.encounter,
        date=chart.recorded,
        author=[chart.software],
        title="What software found in the source, not yet reviewed",
        relatesTo=[{"code": "transforms", "targetIdentifier": document.identifier(chart.document)}],
        section=[*([_summary(summary)] if summary else []), *headed],
    )
    spans = [span for each in summary for span in each.evidence]
    return chart.asserted("Composition", "draft", "Draft by software, to be reviewed", spans, fields)


def _section(name: str, entries: Sequence[Entry]) -> dict[str, Value]:
    title, code = HEADINGS[name]
    return element(
        title=title,
        code=code or concept(title),
        text=narrative(each.said for each in entries),
        entry=[each.reference for each in entries],
    )


def _summary(sentences: Sequence[Sentence]) -> dict[str, Value]:
    said = (
        f"{each.section}: {each.text}" + (" (supported in part)" if each.support == "partial" else "")
        for each in sentences
    )
    return element(title="Summary", code=SUMMARY, text=narrative(said))
