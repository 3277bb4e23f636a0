"""Who is concerned: the patient and the visit as the caller named them, who runs clinq, and which models worked."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from urllib.parse import quote
from uuid import UUID

from shared.case import Case, Mention, ModelUse
from shared.job import Encounter, Patient, StageName
from worker.fhir import ids
from worker.fhir.chart import Entry, given
from worker.fhir.codes import AI_DEVICE, AI_LABEL, EXTRACTION_ID, MODEL, coded, coding, concept, hl7
from worker.fhir.elements import Element, Value, clean, element
from worker.fhir.evidence import extensions, spans
from worker.fhir.operator import Operator

REVIEW = "Not a diagnosis. What this software writes needs review by a clinician."
CLASSES = {"AMB": "ambulatory", "IMP": "inpatient encounter", "EMER": "emergency", "VR": "virtual"}


def patient(case: Case, document: UUID, source: Element) -> Entry | None:
    """The patient as the caller named them; None where the caller's server has them already.

    Without a word from the caller, a Patient with at most the gender that the text states, and no birth date.
    """
    asked = case.origin.patient
    if asked is None:
        return _unnamed(case, document, source)
    if asked.reference:
        return None
    system = asked.system or f"urn:clinq:mrn:{quote(case.origin.tenant)}"
    name = ids.named(document, "Patient")
    fields = element(
        identifier=[_mrn(system, asked.identifier)] if asked.identifier else [_own(name)],
        meta=None if asked.identifier else _tag(name),
        name=_names(asked),
        gender=asked.gender,
        birthDate=asked.birth_date.isoformat() if asked.birth_date else None,
    )
    search = ids.search("identifier", system, asked.identifier) if asked.identifier else _by_tag(name)
    return given("Patient", name, "Patient as named by the submitter", search, fields)


def subject(case: Case, entry: Entry | None) -> Element:
    """The reference to the patient."""
    asked = case.origin.patient
    known = [each for each in (asked.name, asked.family) if each] if asked else []
    if entry is not None:
        return entry.reference
    return element(
        reference=asked.reference if asked else None,
        display=clean(known[0]) if known else None,
    )


def encounter(case: Case, document: UUID, subject: Element) -> Entry | None:
    """The visit as the caller named it; None where nobody did, or where the caller's server has it already."""
    asked = case.origin.encounter
    if asked is None or asked.reference:
        return None
    system = asked.system or f"urn:clinq:visit:{quote(case.origin.tenant)}"
    name = ids.named(document, "Encounter")
    fields = element(
        identifier=[{"system": system, "value": asked.identifier}] if asked.identifier else [_own(name)],
        meta=None if asked.identifier else _tag(name),
        status="finished" if asked.end else "unknown",
        class_=coding(hl7("v3-ActCode"), asked.kind, CLASSES[asked.kind]),
        subject=subject,
        period=_period(asked),
    )
    search = ids.search("identifier", system, asked.identifier) if asked.identifier else _by_tag(name)
    return given("Encounter", name, f"Visit: {CLASSES[asked.kind]}", search, fields)


def visit(case: Case, entry: Entry | None) -> Element | None:
    """The reference to the visit."""
    if entry is not None:
        return entry.reference
    asked = case.origin.encounter
    return {"reference": asked.reference} if asked and asked.reference else None


def organization(operator: Operator) -> Entry:
    """Who runs clinq."""
    identifier = {"system": operator.system, "value": operator.identifier}
    name = ids.named(ids.NAMESPACE, "Organization", operator.system, operator.identifier)
    search = ids.search("identifier", operator.system, operator.identifier)
    fields: Element = {"identifier": [identifier], "active": True, "name": operator.name}
    return given("Organization", name, operator.name, search, fields)


def software() -> Entry:
    """clinq itself, which wrote the bundle."""
    return _device("clinq", ("clinq", version("clinq")), "AI clinical documentation software")


def models(used: Sequence[ModelUse]) -> list[tuple[StageName, Entry]]:
    """A Device for each model, by the stage it served; stages that share weights share the Device."""
    return [
        (
            each.stage,
            _device(f"{each.name} ({each.engine})", (each.name, each.engine, each.version), "AI model", each.sha256),
        )
        for each in used
    ]


def _device(model: str, names: tuple[str, ...], kind: str, sha256: str | None = None) -> Entry:
    """A Device; its identifier is made of its names, the last of which is the version, and its weights' hash."""
    value = "/".join([*names, *([sha256[:12]] if sha256 else [])]).replace(" ", "-")
    versions: list[Value] = [{"type": {"text": "software"}, "value": names[-1]}]
    if sha256:
        versions.append({"type": {"text": "model weights sha256"}, "value": sha256})
    fields: Element = {
        "identifier": [{"system": MODEL, "value": value}],
        "status": "active",
        "deviceName": [{"name": model, "type": "model-name"}],
        "type": concept(kind, coding(AI_DEVICE, "Artificial-Intelligence", "All kinds of Artificial Intelligence")),
        "version": versions,
        "note": [{"text": REVIEW}],
    }
    name = ids.named(ids.NAMESPACE, "Device", value)
    return given("Device", name, f"AI system: {model} {names[-1]}", ids.search("identifier", MODEL, value), fields)


def _unnamed(case: Case, document: UUID, source: Element) -> Entry:
    """A patient of whom only the text speaks; the gender that it states is an assertion of ours and labelled."""
    name = ids.named(document, "Patient")
    stated = [each for each in case.mentions if _states_gender(each)]
    genders = {each.attribute("value") for each in stated}
    if len(genders) != 1:
        stated, genders = [], set()
    fields = element(
        meta={**_tag(name), **({"security": [AI_LABEL]} if stated else {})},
        extension=extensions(source, spans(stated)),
        identifier=[_own(name)],
        gender=next(iter(genders), None),
    )
    entry = given("Patient", name, "Patient, not named by the submitter", _by_tag(name), fields)
    return Entry(entry.full_url, entry.resource, entry.if_none_exist, entry.said, labelled=bool(stated))


def _states_gender(mention: Mention) -> bool:
    sense = (mention.kind, mention.concept, mention.experiencer, mention.assertion)
    known = mention.attribute("value") in {"male", "female", "other"}
    return sense == ("demographic", "gender", "patient", "present") and known


def _mrn(system: str, value: str) -> Element:
    return {"type": coded(hl7("v2-0203"), "MR", "Medical record number"), "system": system, "value": value}


def _names(asked: Patient) -> list[Element]:
    given_names = [clean(asked.given or "")]
    name = element(text=clean(asked.name or ""), family=clean(asked.family or ""), given=[*filter(None, given_names)])
    return [name] if name else []


def _period(asked: Encounter) -> Element:
    return element(
        start=asked.start.isoformat(timespec="seconds") if asked.start else None,
        end=asked.end.isoformat(timespec="seconds") if asked.end else None,
    )


def _own(name: UUID) -> Element:
    return {"system": EXTRACTION_ID, "value": str(name)}


def _tag(name: UUID) -> dict[str, Value]:
    return {"tag": [{"system": EXTRACTION_ID, "code": str(name)}]}


def _by_tag(name: UUID) -> str:
    return ids.search("_tag", EXTRACTION_ID, str(name))
