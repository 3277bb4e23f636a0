"""The result and the FHIR Bundle of a job, de-identified: stand-ins in all text, offsets moved, dates shifted."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
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
_AS_IT_IS = frozenset({"system", "code", "resourceType", "status", "category", "engine", "sha256", "quote_hash", "id"})
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d(?:T[\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)?)?)?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EMPTY = '<div xmlns="http://www.w3.org/1999/xhtml"><p>de-identified</p></div>'


def result(document: Mapping[str, Any], redaction: Redaction) -> Document:
    """The result as it can be given away; spans select in the text of `redaction`, and quotes are hashed anew."""
    kept = {name: _moved(value, redaction, name) for name, value in document.items() if name not in LEFT_OUT}
    summary = kept.get("clinical_summary")
    if summary and isinstance(summary.get("patient_age"), int | float):
        summary["patient_age"] = min(summary["patient_age"], int(OLDEST))
    return {"text": redaction.text, **kept}


def bundle(document: Mapping[str, Any], redaction: Redaction, pseudonyms: Pseudonyms) -> Document:
    """The Bundle as it can be given away: the patient's gender stays, every id is another one, the source is redacted.

    Labelled PSEUDED (HL7 v3 ObservationValue) beside what it was labelled before.
    """
    made: Document = _rewritten(document, redaction, pseudonyms)
    for entry in made.get("entry", []):
        entry["resource"] = _resource(entry["resource"], redaction)
    meta = made.setdefault("meta", {})
    meta["security"] = [*meta.get("security", []), PSEUDONYMOUS]
    return made


def _moved(value: Any, redaction: Redaction, name: str = "") -> Any:
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
    if isinstance(value, list):
        return [_rewritten(each, redaction, pseudonyms, name) for each in value]
    if isinstance(value, Mapping):
        return {key: _rewritten(each, redaction, pseudonyms, key) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    if _DATE.fullmatch(value):
        return dates.iso(value, pseudonyms.days)
    changed = _UUID.sub(lambda found: pseudonyms.id(found.group()), value)
    return changed if name in _AS_IT_IS else redaction.words(changed)


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
    return {**resource, "content": contents}


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
