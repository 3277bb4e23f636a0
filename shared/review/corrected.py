"""A resource as a reviewer says that it should read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.fhir_json import Resource
from shared.review.asked import Coded, Correction
from shared.terminologies import UCUM
from shared.units import number, ucum

HL7 = "http://terminology.hl7.org/CodeSystem/"
PRESSURES = {"8480-6": "systolic", "8462-4": "diastolic"}
DOSAGE = ("dose", "unit", "route", "frequency", "duration")
VERIFICATION = {"present": "confirmed", "possible": "provisional", "absent": "refuted"}
MEASURED = ("value", "unit", "systolic", "diastolic")
Fact = Mapping[str, Any]


def corrected(resource: Resource, correction: Correction, fact: Fact) -> Resource:
    """The resource with what the correction gives; `fact` as the result has it."""
    changed = CORRECT[resource["resourceType"]](resource, correction, fact)
    return {name: value for name, value in changed.items() if value is not None}


def concept(old: Resource, text: str | None, codes: tuple[Coded, ...] | None) -> Resource:
    """A CodeableConcept with other words or codes; other words without codes lose the codes of the old ones."""
    kept = [] if text is not None else old.get("coding", [])
    coding = kept if codes is None else [each.model_dump(exclude_none=True) for each in codes]
    return {**({"coding": coding} if coding else {}), "text": text or old.get("text", "")}


def _condition(it: Resource, by: Correction, _: Fact) -> Resource:
    changed = {**it, "code": concept(it["code"], by.text, by.codes)}
    if by.temporality is not None:
        changed["clinicalStatus"] = _status(
            "condition-clinical", "active" if by.temporality == "current" else "inactive"
        )
    if by.assertion is not None:
        changed["verificationStatus"] = _status("condition-ver-status", VERIFICATION[by.assertion])
        changed.setdefault("clinicalStatus", _status("condition-clinical", "active"))
    if _code(changed.get("verificationStatus")) == "refuted":
        changed["clinicalStatus"] = None
    if by.severity:
        changed["severity"] = {"text": by.severity}
    if by.laterality:
        changed["bodySite"] = [{"text": by.laterality}]
    if by.duration:
        changed["onsetString"] = by.duration
    return changed


def _observation(it: Resource, by: Correction, fact: Fact) -> Resource:
    changed = {**it, "code": concept(it["code"], by.text, by.codes)}
    if by.text is None and any(getattr(by, each) for each in MEASURED) and fact.get("concept"):
        changed["code"]["text"] = fact["concept"]  # the words of the note hold the number that is wrong
    if by.assertion is not None:
        possible = by.assertion == "possible"
        for name in [each for each in changed if each.startswith("value")]:
            changed[name] = None
        changed["valueCodeableConcept"] = {"text": "possible"} if possible else None
        changed["valueBoolean"] = None if possible else by.assertion == "present"
    elif by.text is not None and "valueString" in it:
        changed["valueString"] = by.text
    if by.value or by.unit:
        changed |= _measured(it, by.value or str(_value(it, fact)), by.unit)
    parts = [_component(each, by) for each in it.get("component", [])]
    if by.severity:
        parts = [*_without(parts, "severity"), _worded("Severity", by.severity)]
    if by.duration:
        parts = [*_without(parts, "duration"), _worded("Duration", by.duration)]
    return changed | {
        "component": parts or None,
        "bodySite": {"text": by.laterality} if by.laterality else it.get("bodySite"),
    }


def _medication(it: Resource, by: Correction, fact: Fact) -> Resource:
    request = it["resourceType"] == "MedicationRequest"
    name = "dosageInstruction" if request else "dosage"
    changed = {**it, "medicationCodeableConcept": concept(it["medicationCodeableConcept"], by.text, by.codes)}
    if any(getattr(by, each) for each in DOSAGE):
        changed[name] = [_dosage((it.get(name) or [{}])[0], by, fact.get("attrs", {}))]
    status = by.status or ({"absent": "not-taken", "present": "active", "possible": "unknown"}.get(by.assertion or ""))
    if status is not None:
        changed["status"] = "cancelled" if request and status == "not-taken" else status
    if changed["status"] == "not-taken":
        changed[name] = None
    return changed


def _allergy(it: Resource, by: Correction, _: Fact) -> Resource:
    changed = {**it, "code": concept(it["code"], by.text, by.codes)}
    if by.assertion is not None:
        denied = by.assertion == "absent"
        verification = {"absent": "refuted", "present": "confirmed", "possible": "unconfirmed"}[by.assertion]
        changed["verificationStatus"] = _status("allergyintolerance-verification", verification)
        changed["clinicalStatus"] = _status("allergyintolerance-clinical", "inactive" if denied else "active")
        if denied:
            changed["reaction"] = None
    old = (changed.get("reaction") or [{}])[0]
    shown = [{"text": by.reaction}] if by.reaction else old.get("manifestation")
    if (by.reaction or by.severity) and shown:
        severity = by.severity.casefold() if by.severity else old.get("severity")
        known = {"severity": severity} if severity in {"mild", "moderate", "severe"} else {}
        changed["reaction"] = [{"manifestation": shown, **known}]
    return changed


def _procedure(it: Resource, by: Correction, _: Fact) -> Resource:
    changed = {**it, "code": concept(it["code"], by.text, by.codes)}
    if by.assertion is not None:
        changed["status"] = {"absent": "not-done", "present": "completed", "possible": "unknown"}[by.assertion]
    if by.laterality:
        changed["bodySite"] = [{"text": by.laterality}]
    return changed


CORRECT: dict[str, Callable[[Resource, Correction, Fact], Resource]] = {
    "Condition": _condition,
    "Observation": _observation,
    "MedicationStatement": _medication,
    "MedicationRequest": _medication,
    "AllergyIntolerance": _allergy,
    "Procedure": _procedure,
}
"""Of each type of resource that a fact may become, how it is corrected; a family history is, condition by condition."""


def _value(it: Resource, fact: Fact) -> object:
    """What stands there so far, with its digits."""
    return it.get("valueQuantity", {}).get("value", fact.get("attrs", {}).get("value", ""))


def _measured(it: Resource, value: str, unit: str | None) -> Resource:
    unit = unit or it.get("valueQuantity", {}).get("unit")
    amount, code = number(value), ucum(unit)
    if amount is None:
        return {"valueString": value, "valueQuantity": None}
    quantity = {"value": amount, "unit": unit, "system": UCUM if code else None, "code": code}
    held = {name: each for name, each in quantity.items() if each is not None}
    return {"valueQuantity": held, "valueString": None}


def _component(part: Resource, by: Correction) -> Resource:
    stated = getattr(by, PRESSURES.get(_code(part["code"]) or "", "fact_id"))
    if _code(part["code"]) not in PRESSURES or stated is None:
        return part
    return {**part, "valueQuantity": {**part["valueQuantity"], "value": number(stated)}}


def _worded(name: str, words: str) -> Resource:
    return {"code": {"text": name}, "valueString": words}


def _without(parts: list[Resource], name: str) -> list[Resource]:
    return [each for each in parts if each["code"].get("text", "").casefold() != name]


def _dosage(old: Resource, by: Correction, attributes: Mapping[str, Any]) -> Resource:
    """Its words from what was corrected and what was not; its parts only as far as they are still right."""
    held: Resource = next((each["doseQuantity"] for each in old.get("doseAndRate", [])), {})
    stood = {**attributes, "dose": held.get("value"), "unit": held.get("unit")} if held else attributes
    said = {name: getattr(by, name) or stood.get(name) for name in DOSAGE}
    timing = None if by.frequency or by.duration else old.get("timing")
    amount, code = number(str(said["dose"])), ucum(said["unit"])
    coded = {"system": UCUM, "code": code} if code else {}
    unit = {"unit": said["unit"]} if said["unit"] else {}
    made = {
        "text": " ".join(str(each) for each in said.values() if each),
        "timing": timing,
        "asNeededBoolean": None if by.frequency else old.get("asNeededBoolean"),
        "route": {"text": said["route"]} if said["route"] else None,
        "doseAndRate": [{"doseQuantity": {"value": amount, **unit, **coded}}] if amount is not None else None,
    }
    return {name: each for name, each in made.items() if each is not None}


def _status(system: str, code: str) -> Resource:
    display = code.replace("-", " ").capitalize()
    return {"coding": [{"system": f"{HL7}{system}", "code": code, "display": display}], "text": display}


def _code(concept: Resource | None) -> str | None:
    return next((each["code"] for each in (concept or {}).get("coding", [])), None)
