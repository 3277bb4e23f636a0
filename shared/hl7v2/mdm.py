"""MDM^T02: the summary as a document, announced and sent in one message."""

from __future__ import annotations

from collections.abc import Iterator

from shared.fhir_json import Resource
from shared.hl7v2.encoding import lines, message, parts, segment
from shared.hl7v2.heading import APPLICATION, Chart, msh, pid, pv1
from shared.hl7v2.oru import NOT_REVIEWED, PRELIMINARY, REJECTED, narrative

TYPES = {"18842-5": "DS", "34117-2": "HP", "11488-4": "CN", "11506-3": "PN"}
"""HL7 table 0270, by the LOINC type of the note."""
FINAL, WRONG = "F", "W"
"""HL7 table 0085: what a clinician stands for, and what was sent in error."""
STANDING = {PRELIMINARY: ("IP", "UN"), FINAL: ("AU", "AV"), WRONG: ("IN", "CA")}
"""HL7 tables 0271 and 0273: how far the document is, and whether it may be used; CA: it is deleted."""
SUMMARY = "55112-7^Document summary^LN"


def mdm(bundle: Resource) -> str:
    """The message of a transaction Bundle, original or reviewed."""
    chart = Chart(bundle)
    composition = chart.first("Composition") or {}
    status = {"final": FINAL, "entered-in-error": WRONG}.get(composition.get("status", ""), PRELIMINARY)
    first = {PRELIMINARY: [NOT_REVIEWED], WRONG: [REJECTED]}.get(status, [])
    words = [*first, *([] if status == WRONG else _paragraphs(chart, composition))]
    return message(
        msh(chart, "MDM", "T02", "MDM_T02"),
        segment("EVN", "T02", chart.at),
        pid(chart),
        pv1(chart),
        _txa(chart, composition, status),
        *(_obx(number, each, status) for number, each in enumerate(words, 1)),
    )


def _paragraphs(chart: Chart, composition: Resource) -> Iterator[str]:
    """The running summary, then each section in the order in which it stands."""
    if (impression := chart.first("ClinicalImpression")) and impression.get("summary"):
        yield impression["summary"]
    for section in composition.get("section", []):
        yield f"{section['title']}: {narrative(section)}"


def _txa(chart: Chart, composition: Resource, status: str) -> str:
    code = next((each["code"] for each in composition.get("type", {}).get("coding", [])), "")
    fields = [""] * 19
    fields[0], fields[1], fields[2] = "1", TYPES.get(code, "PN"), "TX"
    fields[3] = fields[5] = chart.at
    fields[11] = parts(chart.job_id, APPLICATION)
    fields[16], fields[18] = STANDING[status]
    return segment("TXA", *fields)


def _obx(number: int, words: str, status: str) -> str:
    return segment("OBX", str(number), "TX", SUMMARY, str(number), lines(words), "", "", "", "", "", status)
