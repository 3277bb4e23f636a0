"""The result and the FHIR Bundle of a job, de-identified: stand-ins in all text, offsets moved, dates shifted."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from shared.deidentify import dates
from shared.deidentify.pseudonyms import OLDEST, Pseudonyms
from shared.deidentify.redaction import Redaction

Document = dict[str, Any]
PSEUDONYMOUS = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "PSEUDED",
    "display": "pseudonymized",
}
LEFT_OUT = frozenset({"metadata", "identifiers", "fhir_bundle_url", "job_id", "callback_url"})
"""Of the result: what the caller gave, where the identifiers stood, and what leads back to the job."""
KEPT_OF_PATIENT = frozenset({"resourceType", "id", "meta", "gender", "text"})
OF_PEOPLE_AND_PLACES = frozenset({"Patient", "Practitioner", "RelatedPerson", "Encounter", "Organization", "Location"})
STAND_IN = "urn:clinq:pseudonym"
"""The system of the identifiers that stand in for those of people and visits: the same for the same one."""
AGES = frozenset({"patient_age", "onset_age", "onsetAge"})
_OF_A_REFERENCE = frozenset({"reference", "type", "identifier", "display"})
_AS_IT_IS = frozenset({"system", "code", "resourceType", "status", "category", "engine", "sha256", "quote_hash", "id"})
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d(?:T[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)?)?)?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=/)[0-9a-f]{64}(?!\w)")
"""Also the hash by which a recording or document is named: who has the file could find it by that."""
_EMPTY = '<div xmlns="http://www.w3.org/1999/xhtml"><p>de-identified</p></div>'


def result(document: Mapping[str, Any], redaction: Redaction, pseudonyms: Pseudonyms) -> Document:
    """The result as it can be given away; spans select in the text of `redaction`, and quotes are hashed anew.

    Its facts name the resources of the de-identified Bundle.
    """
    kept = {name: _moved(value, redaction, name) for name, value in document.items() if name not in LEFT_OUT}
    facts = [
        {**each, "resource": _other_ids(each["resource"], pseudonyms)} if each.get("resource") else each
        for each in kept.get("facts", [])
    ]
    return {"text": redaction.text, **kept} | ({"facts": facts} if facts else {})


def bundle(document: Mapping[str, Any], redaction: Redaction, pseudonyms: Pseudonyms) -> Document:
    """The Bundle as it can be given away: the patient's gender stays, every id is another one, the source is redacted.

    Labelled PSEUDED (HL7 v3 ObservationValue) beside what it was labelled before.
    """
    made: Document = _rewritten(document, redaction, pseudonyms)
    for entry, old in zip(made.get("entry", []), document.get("entry", []), strict=True):
        entry["resource"] = _resource(entry["resource"], redaction)
        if entry["resource"]["resourceType"] in OF_PEOPLE_AND_PLACES:
            _name_anew(entry, _identifiers(old["resource"]), pseudonyms)
    meta = made.setdefault("meta", {})
    meta["security"] = [*meta.get("security", []), PSEUDONYMOUS]
    return made


def _name_anew(entry: Document, held: list[Document], pseudonyms: Pseudonyms) -> None:
    """Give a person or visit a stand-in for its identifier, by which a server finds the same one again."""
    named = [_stand_in(each, pseudonyms) for each in held[:1]]
    if named:
        entry["resource"]["identifier"] = named
    if "request" in entry:
        rest = {name: value for name, value in entry["request"].items() if name != "ifNoneExist"}
        search = {"ifNoneExist": f"identifier={STAND_IN}|{named[0]['value']}"} if named else {}
        entry["request"] = rest | search


def _stand_in(identifier: Mapping[str, str], pseudonyms: Pseudonyms) -> Document:
    number = f"{identifier.get('system', '')}|{identifier.get('value', '')}"
    return {"system": STAND_IN, "value": pseudonyms.id(number)}


def _identifiers(resource: Document) -> list[Document]:
    held = resource.get("identifier", [])
    return held if isinstance(held, list) else [held]


def _other_ids(words: str, pseudonyms: Pseudonyms) -> str:
    return _UUID.sub(lambda found: pseudonyms.id(found.group()), words)


def _age(value: Any) -> Any:
    """At most the age that stands for all above it: of a result a number, of FHIR an Age."""
    if isinstance(value, Mapping):
        return {**value, "value": _age(value["value"])} if "value" in value else value
    return min(value, int(OLDEST)) if isinstance(value, int | float | Decimal) else value


def _moved(value: Any, redaction: Redaction, name: str = "") -> Any:
    if name in AGES:
        value = _age(value)
    if isinstance(value, list):
        return [_moved(each, redaction, name) for each in value]
    if isinstance(value, dict):
        moved = {key: _moved(each, redaction, key) for key, each in value.items()}
        return _placed(value, moved, redaction)
    return redaction.words(value) if isinstance(value, str) and name not in _AS_IT_IS else value


def _placed(old: Document, moved: Document, redaction: Redaction) -> Document:
    """A place in the text, moved: with its hash, and with its words where it carries some."""
    if not (isinstance(old.get("start"), int) and isinstance(old.get("end"), int)):
        return moved
    start = redaction.offset(old["start"])
    end = max(start, redaction.offset(old["end"], end=True))
    words = redaction.text[start:end]
    moved |= {"start": start, "end": end}
    for name in ("text", "word"):
        if name in moved:
            moved[name] = words
    if "quote_hash" in moved:
        moved["quote_hash"] = hashlib.sha256(words.encode()).hexdigest()
    return moved


def _rewritten(value: Any, redaction: Redaction, pseudonyms: Pseudonyms, name: str = "") -> Any:
    if name in AGES:
        value = _age(value)
    if isinstance(value, list):
        return [_rewritten(each, redaction, pseudonyms, name) for each in value]
    if isinstance(value, Mapping):
        if _is_reference(value):
            return _referring(value, pseudonyms)
        return {key: _rewritten(each, redaction, pseudonyms, key) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    if _DATE.fullmatch(value):
        return dates.iso(value, pseudonyms.days)
    changed = _other_ids(value, pseudonyms)
    return changed if name in _AS_IT_IS else redaction.words(changed)


def _is_reference(held: Mapping[str, Any]) -> bool:
    return held.keys() <= _OF_A_REFERENCE and (isinstance(held.get("reference"), str) or "identifier" in held)


def _referring(held: Mapping[str, Any], pseudonyms: Pseudonyms) -> Document:
    """A reference without the name and number of whom it is to; an id on the submitter's server is another one, too."""
    target = held.get("reference")
    if target is None:
        return {"identifier": _stand_in(held["identifier"], pseudonyms)}
    if _UUID.search(target):
        return {"reference": _other_ids(target, pseudonyms)}
    kind = target.rpartition("/")[0].rpartition("/")[2]
    return {"reference": f"{kind}/{pseudonyms.id(target)}"}


def _resource(resource: Document, redaction: Redaction) -> Document:
    kind = resource["resourceType"]
    if kind == "Patient":
        resource = {name: value for name, value in resource.items() if name in KEPT_OF_PATIENT}
    elif kind == "Organization":
        resource |= {"name": "de-identified"}
    elif kind == "DocumentReference":
        resource = _source(resource, redaction)
    if kind in OF_PEOPLE_AND_PLACES:
        resource = {name: value for name, value in resource.items() if name not in {"identifier", "telecom", "address"}}
    if "text" in resource and kind in OF_PEOPLE_AND_PLACES:
        resource["text"] = {"status": "generated", "div": _EMPTY}
    if "extension" in resource:
        resource["extension"] = [_evidence(each, redaction) for each in resource["extension"]]
    return resource


def _source(resource: Document, redaction: Redaction) -> Document:
    """The source with its text redacted; a recording keeps its type only, for voices tell who speaks."""
    contents = []
    for content in resource.get("content", []):
        attachment = content.get("attachment", {})
        kept = {name: each for name, each in attachment.items() if name in {"contentType", "language", "creation"}}
        if "data" in attachment:
            data = redaction.text.encode()
            kept |= {
                "data": base64.b64encode(data).decode(),
                "size": len(data),
                "hash": base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
            }
        contents.append({**content, "attachment": kept})
    rest = {name: each for name, each in resource.items() if name != "description"}  # offsets of pages, now others
    return {**rest, "content": contents}


def _evidence(extension: Document, redaction: Redaction) -> Document:
    """The place of a resource's evidence, moved with the text."""
    parts = extension.get("extension")
    if not parts:
        return extension
    said = {each["url"]: each for each in parts}
    offset, length = said.get("offset", {}).get("valueInteger"), said.get("length", {}).get("valueInteger")
    if offset is None or length is None:
        return extension
    start = redaction.offset(offset)
    end = redaction.offset(offset + length, end=True)
    new = {"offset": start, "length": max(end - start, 0)}
    return {
        **extension,
        "extension": [{**each, "valueInteger": new[each["url"]]} if each["url"] in new else each for each in parts],
    }
