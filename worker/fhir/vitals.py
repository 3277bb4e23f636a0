"""Observation: what was measured, in LOINC and UCUM; vital signs as the US Core profiles name them, and lab values."""

from __future__ import annotations

from dataclasses import dataclass

from shared.units import VITAL_UNITS
from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import LOINC, clinical, coded, coding, concept, hl7
from worker.fhir.elements import Element, Value, element
from worker.fhir.findings import Finding
from worker.fhir.observation import shared
from worker.fhir.quantities import number, quantity

CATEGORY = coded(hl7("observation-category"), "vital-signs", "Vital Signs")
LABORATORY = coded(hl7("observation-category"), "laboratory", "Laboratory")
PRESSURE_UNIT = "mm[Hg]"
PRESSURES = {
    "systolic": coded(LOINC, "8480-6", "Systolic blood pressure"),
    "diastolic": coded(LOINC, "8462-4", "Diastolic blood pressure"),
}


@dataclass(frozen=True, slots=True)
class Vital:
    """A vital sign: its codes, and the units in which its value is sent with a code."""

    codes: tuple[Element, ...]
    units: frozenset[str]


def _vital(*codes: tuple[str, str]) -> Vital:
    return Vital(tuple(coding(LOINC, code, display) for code, display in codes), VITAL_UNITS[codes[0][0]])


VITALS = {
    "blood pressure": _vital(("85354-9", "Blood pressure panel with all children optional")),
    "body temperature": _vital(("8310-5", "Body temperature")),
    "heart rate": _vital(("8867-4", "Heart rate")),
    "respiratory rate": _vital(("9279-1", "Respiratory rate")),
    "oxygen saturation": _vital(
        ("2708-6", "Oxygen saturation in Arterial blood"),
        ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
    ),
    "body weight": _vital(("29463-7", "Body weight")),
    "body height": _vital(("8302-2", "Body height")),
    "body mass index": _vital(("39156-5", "Body mass index (BMI) [Ratio]")),
}
SHORT = {"temperature": "body temperature", "weight": "body weight", "height": "body height"}


def is_laboratory(finding: Finding) -> bool:
    """Whether something measured is no vital sign but a laboratory's value: LOINC knows it by another code."""
    return finding.first.kind == "vital" and _known(finding) is None and any(c.system == LOINC for c in finding.codes)


def vital(chart: Chart, finding: Finding) -> Entry | None:
    """A vital sign or laboratory value; None where the text states no measurement, or doubts it, or only plans it."""
    first = finding.first
    value = _value(finding)
    if first.assertion != "present" or first.temporality == "planned" or not value:
        return None
    known = _known(finding)
    codes = known.codes if known else clinical(finding.codes)
    fields = {
        **shared(chart, finding, LABORATORY if is_laboratory(finding) else CATEGORY),
        "code": concept(finding.words, *codes),
        **value,
    }
    return chart.asserted(
        "Observation", f"vital|{finding.key}", f"{finding.words} (AI asserted)", finding.spans, fields
    )


def _known(finding: Finding) -> Vital | None:
    name = finding.name.casefold()
    return VITALS.get(SHORT.get(name, name))


def _value(finding: Finding) -> dict[str, Value]:
    """The number with its unit; what is no number in words; blood pressure in two components."""
    if components := [*_pressures(finding)]:
        return {"component": components}
    words, unit = finding.attribute("value"), finding.attribute("unit")
    measured = number(words)
    if measured is None:
        return element(valueString=f"{words} {unit}" if words and unit else words)
    known = _known(finding)
    if known and unit is None and len(known.units) == 1:
        (unit,) = known.units
    if known and unit not in known.units:
        # A unit that this vital sign is not measured in is a misreading: the words go out, no coded value does.
        return {"valueString": finding.words}
    return {"valueQuantity": quantity(measured, unit)}


def _pressures(finding: Finding) -> list[Element]:
    measured = {name: number(finding.attribute(name)) for name in PRESSURES}
    return [
        {"code": PRESSURES[name], "valueQuantity": {**quantity(value, PRESSURE_UNIT), "unit": "mmHg"}}
        for name, value in measured.items()
        if value is not None
    ]
