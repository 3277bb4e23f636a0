"""Whom a FHIR request is about: its Patient and Encounter, or references to them, as a submission names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from api.fhir.asked import Encounter, HumanName, Identifier, Part, Patient, Reference, Resource
from api.fhir.refusal import wrong

LITERAL = re.compile(
    r"(?:https?://[^\s?#]{1,2000}/)?([A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]{1,64})?"
)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
CLASSES = {"AMB": "AMB", "IMP": "IMP", "ACUTE": "IMP", "NONAC": "IMP", "EMER": "EMER", "VR": "VR"}
"""v3-ActCode: acute and non-acute are kinds of inpatient encounters. Others clinq does not know."""


@dataclass(frozen=True, slots=True)
class Known:
    """The resources that came with a request, by what references call them: fullUrl, Type/id or #id."""

    by_name: Mapping[str, Resource] = field(default_factory=dict)

    def get(self, reference: str) -> Resource | None:
        """The resource that is meant; None when it lies elsewhere."""
        literal = LITERAL.fullmatch(reference)
        return self.by_name.get(reference) or (self.by_name.get(literal[1]) if literal else None)


def known(entries: Iterable[tuple[str | None, Resource]], contained: Sequence[Resource]) -> Known:
    """Name the resources of a Bundle's entries, with their fullUrls, and those inside the document."""
    names: dict[str, Resource] = {}
    for full_url, resource in entries:
        names[called(type(resource), resource.id)] = resource
        if full_url:
            names[full_url] = resource
    return Known(names | {f"#{each.id}": each for each in contained if each.id})


def called(kind: type[Part], name: str | None) -> str:
    """What a reference to a resource of a Bundle looks like; `#Patient` where it has no name at all."""
    return f"{kind.__name__}/{name}" if name else f"#{kind.__name__}"


def patient_of(reference: Reference, resources: Known, path: str) -> dict[str, object]:
    """The fields of a submission's patient. Raises ProblemError 422 for a reference that leads nowhere."""
    found = _resolved(reference, resources, "Patient", path)
    details = patient(found) if isinstance(found, Patient) else _logical(reference)
    return details | _literal(reference, "Patient")


def encounter_of(reference: Reference, resources: Known, path: str) -> dict[str, object]:
    """The fields of a submission's encounter. Raises ProblemError 422 for a reference that leads nowhere."""
    found = _resolved(reference, resources, "Encounter", path)
    literal = _literal(reference, "Encounter")
    if literal:
        return literal  # the sender's server has it: nothing else of it is needed
    return encounter(found, path) if isinstance(found, Encounter) else _logical(reference)


def patient(resource: Patient) -> dict[str, object]:
    """The same of a Patient itself; a birth date without its day is none."""
    name = _name(resource.name)
    born = resource.birth_date
    fields = {
        "name": name.text,
        "family": name.family,
        "given": " ".join(name.given) or None,
        "gender": resource.gender,
        "birthDate": born if born and DAY.fullmatch(born) else None,
    }
    return _said(fields) | _identified(_record_number(resource.identifier))


def encounter(resource: Encounter, path: str) -> dict[str, object]:
    """The same of an Encounter itself; a period's end without a time of day and zone is none."""
    kind = resource.class_.code if resource.class_ else None
    if kind is None or kind not in CLASSES:
        raise wrong(path, f"the class of an Encounter is one of: {', '.join(CLASSES)}")
    fields = {"class": CLASSES[kind], "start": _time(resource.period.start), "end": _time(resource.period.end)}
    return _said(fields) | _identified(next(iter(resource.identifier), Identifier()))


def _resolved(reference: Reference, resources: Known, kind: str, path: str) -> Resource | None:
    name = reference.reference
    if name is None:
        if reference.identifier is None or not reference.identifier.value:
            raise wrong(path, "the reference names nothing")
        return None
    found = resources.get(name)
    literal = LITERAL.fullmatch(name)
    if found is None and literal is None:
        raise wrong(path, f"the reference is to nothing in this request, and is no {kind}/id on your server")
    if (found is not None and type(found).__name__ != kind) or (literal and not literal[1].startswith(f"{kind}/")):
        raise wrong(path, f"the reference is to no {kind}")
    return found


def _literal(reference: Reference, kind: str) -> dict[str, object]:
    """Type/id on the sender's server; none for what exists in the request alone."""
    literal = LITERAL.fullmatch(reference.reference or "")
    return {"reference": literal[1]} if literal and literal[1].startswith(f"{kind}/") else {}


def _logical(reference: Reference) -> dict[str, object]:
    return _identified(reference.identifier or Identifier())


def _identified(identifier: Identifier) -> dict[str, object]:
    return _said({"identifier": identifier.value, "system": identifier.system}) if identifier.value else {}


def _record_number(identifiers: Sequence[Identifier]) -> Identifier:
    """The medical record number where one says that it is, else the first."""
    numbers = [each for each in identifiers if any(code.code == "MR" for code in each.type.coding)]
    return next(iter([*numbers, *identifiers]), Identifier())


def _name(names: Sequence[HumanName]) -> HumanName:
    official = [each for each in names if each.use == "official"]
    return next(iter([*official, *names]), HumanName())


def _time(value: str | None) -> str | None:
    try:
        at = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return value if at.tzinfo is not None else None


def _said(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None and value != ""}
