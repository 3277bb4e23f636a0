"""MDM^T02: the summary as a document, announced and sent in one message."""

from __future__ import annotations

from collections.abc import Iterator

from shared.fhir_json import Resource
from shared.hl7v2.encoding import lines, message, parts, segment
from shared.hl7v2.heading import APPLICATION, Chart, msh, pid, pv1
from shared.hl7v2.oru import NOT_REVIEWED, PRELIMINARY, narrative

TYPES = {"18842-5": "DS", "34117-2": "HP", "11488-4": "CN", "11506-3": "PN"}
"""HL7 table 0270, by the LOINC type of the note."""
IN_PROGRESS, AUTHENTICATED = "IP", "AU"
"""HL7 table 0271: a draft, and what a clinician stands for."""
SUMMARY = "55112-7^Document summary^LN"


def mdm(bundle: Resource) -> str:
    """The message of a transaction Bundle, original or reviewed."""
    chart = Chart(bundle)
    composition = chart.first("Composition") or {}
    final = composition.get("status") == "final"
    status = "F" if final else PRELIMINARY
    words = [*([] if final else [NOT_REVIEWED]), *_paragraphs(chart, composition)]
    return message(
        msh(chart, "MDM", "T02", "MDM_T02"),
        segment("EVN", "T02", chart.at),
        pid(chart),
        pv1(chart),
        _txa(chart, composition, AUTHENTICATED if final else IN_PROGRESS),
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
    fields[16] = status
    fields[18] = "AV" if status == AUTHENTICATED else "UN"
    return segment("TXA", *fields)


def _obx(number: int, words: str, status: str) -> str:
    return segment("OBX", str(number), "TX", SUMMARY, str(number), lines(words), "", "", "", "", "", status)
