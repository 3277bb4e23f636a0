"""The source as DocumentReferences: the text, and the recording that it was transcribed from."""

from __future__ import annotations

import base64
import hashlib
from uuid import UUID

from shared.case import Case
from shared.job import Audio
from worker.fhir import ids
from worker.fhir.chart import Entry, given
from worker.fhir.codes import AI_LABEL, DOCUMENT_CATEGORY, DOCUMENT_ID, EXTRACTION_ID, LOINC, coded
from worker.fhir.elements import Element, Value, element

TYPES = {
    "discharge": coded(LOINC, "18842-5", "Discharge summary"),
    "history": coded(LOINC, "34117-2", "History and physical note"),
    "consultation": coded(LOINC, "11488-4", "Consult note"),
    "note": coded(LOINC, "11506-3", "Progress note"),
}
HISTORY_AND_PHYSICAL = {"physical_exam", "family_history", "history_of_present_illness"}


def kind(case: Case) -> dict[str, Value]:
    """The LOINC type: a consultation that was recorded, else what the note's headings show, else a progress note."""
    if case.origin.audio or case.segments:
        return TYPES["consultation"]
    names = {each.name.casefold().replace(" ", "_") for each in case.sections}
    if any(each.startswith("discharge") for each in names):
        return TYPES["discharge"]
    return TYPES["history"] if names >= HISTORY_AND_PHYSICAL else TYPES["note"]


def reference(document: UUID) -> Element:
    """How other resources name the text."""
    return {"reference": ids.full_url(ids.named(document, "DocumentReference", "text"))}


def identifier(document: UUID) -> Element:
    """The identifier of the text, which outlives the bundle."""
    return {"system": DOCUMENT_ID, "value": str(document)}


def text(case: Case, document: UUID, subject: Element, encounter: Element | None) -> Entry:
    """The submitted text, unchanged, or the transcript, which software wrote and which is labelled so."""
    title = "Transcript of the recording" if case.origin.audio else "Source note"
    name = ids.named(document, "DocumentReference", "text")
    fields = element(
        meta=_label(name) if case.origin.audio else None,
        **_shared(case, identifier(document), subject, encounter),
        docStatus="preliminary" if case.origin.audio else None,
        relatesTo=[{"code": "transforms", "target": {"reference": _recording_url(document)}}]
        if case.origin.audio
        else None,
        content=[{"attachment": _attachment(case, title)}],
    )
    search = ids.search("identifier", DOCUMENT_ID, str(document))
    entry = given("DocumentReference", name, title, search, fields)
    return Entry(entry.full_url, entry.resource, search, title, labelled=case.origin.audio is not None)


def recording(case: Case, document: UUID, subject: Element, encounter: Element | None) -> Entry | None:
    """The recording, named by its hash; its bytes stay where they are."""
    audio = case.origin.audio
    if audio is None:
        return None
    name = ids.named(document, "DocumentReference", "recording")
    # The recording's own name holds the document's, since one recording may belong to two patients' visits.
    value = f"{document}/{audio.sha256}"
    fields = element(
        **_shared(case, {"system": DOCUMENT_ID, "value": value}, subject, encounter),
        content=[{"attachment": _sound(audio)}],
    )
    search = ids.search("identifier", DOCUMENT_ID, value)
    return given("DocumentReference", name, "Recording", search, fields)


def _recording_url(document: UUID) -> str:
    return ids.full_url(ids.named(document, "DocumentReference", "recording"))


def _shared(case: Case, named: Element, subject: Element, encounter: Element | None) -> dict[str, Value]:
    return element(
        masterIdentifier=named,
        identifier=[named],
        status="current",
        type=kind(case),
        category=[coded(DOCUMENT_CATEGORY, "clinical-note", "Clinical Note")],
        subject=subject,
        date=case.origin.received_at.isoformat(timespec="seconds"),
        context={"encounter": [encounter]} if encounter else None,
    )


def _attachment(case: Case, title: str) -> Element:
    """The bytes are UTF-8; a half surrogate, which UTF-8 has no bytes for, becomes one `?` and moves no offset."""
    content = (case.text or "").encode("utf-8", "replace")
    return element(
        contentType="text/plain; charset=utf-8",
        language=case.language,
        data=base64.b64encode(content).decode(),
        size=len(content),
        # FHIR R4 fixes SHA-1 for this element; it guards against accidents, not against people.
        hash=base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
        title=title,
    )


def _sound(audio: Audio) -> Element:
    return element(contentType=audio.content_type, size=audio.size_bytes, title=f"Recording, SHA-256 {audio.sha256}")


def _label(name: UUID) -> Element:
    return {"security": [AI_LABEL], "tag": [{"system": EXTRACTION_ID, "code": str(name)}]}
