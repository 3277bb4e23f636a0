"""The source as DocumentReferences: the text, and the recording or the document that it was read from."""

from __future__ import annotations

import base64
import hashlib
from uuid import UUID

from shared.case import Case
from shared.job import Audio, Document
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
SPOKEN, READ, SENT = "Transcript of the recording", "Text of the document", "Source note"
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
    """The submitted text, unchanged; or the transcript, or the text of a document, with what it was made of.

    What software heard, or saw in a picture, is labelled so.
    """
    original, title = _original(case), _title(case)
    guessed = case.origin.audio is not None or any(each.recognised for each in case.pages)
    name = ids.named(document, "DocumentReference", "text")
    fields = element(
        meta=_label(name) if guessed else None,
        **_shared(case, identifier(document), subject, encounter),
        docStatus="preliminary" if guessed else None,
        relatesTo=[{"code": "transforms", "target": {"reference": _original_url(document, original)}}]
        if original
        else None,
        description=_pages(case) or None,
        content=[{"attachment": _attachment(case, title)}],
    )
    search = ids.search("identifier", DOCUMENT_ID, str(document))
    entry = given("DocumentReference", name, title, search, fields)
    return Entry(entry.full_url, entry.resource, search, title, labelled=guessed)


def original(case: Case, document: UUID, subject: Element, encounter: Element | None) -> Entry | None:
    """The recording or the document, named by its hash; its bytes stay where they are."""
    found = _original(case)
    if found is None:
        return None
    # The original's own name holds the document's, since one recording may belong to two patients' visits.
    value = f"{document}/{found.sha256}"
    fields = element(
        **_shared(case, {"system": DOCUMENT_ID, "value": value}, subject, encounter),
        content=[{"attachment": _stored(found)}],
    )
    name = ids.named(document, "DocumentReference", _word(found))
    return given(
        "DocumentReference", name, _word(found).capitalize(), ids.search("identifier", DOCUMENT_ID, value), fields
    )


def _original(case: Case) -> Audio | Document | None:
    return case.origin.audio or case.origin.document


def _original_url(document: UUID, found: Audio | Document) -> str:
    return ids.full_url(ids.named(document, "DocumentReference", _word(found)))


def _word(found: Audio | Document) -> str:
    return "recording" if isinstance(found, Audio) else "document"


def _title(case: Case) -> str:
    if case.origin.audio is not None:
        return SPOKEN
    return SENT if case.origin.document is None else READ


def _pages(case: Case) -> str:
    """Which offsets of the text stand on which page, for those who open the document at the words of a fact."""
    places = (f"{each.number}: {each.start}-{each.end}{' (OCR)' if each.recognised else ''}" for each in case.pages)
    return f"Pages, by code points of the text: {', '.join(places)}" if case.pages else ""


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


def _stored(found: Audio | Document) -> Element:
    title = f"{_word(found).capitalize()}, SHA-256 {found.sha256}"
    return element(contentType=found.content_type, size=found.size_bytes, title=title)


def _label(name: UUID) -> Element:
    return {"security": [AI_LABEL], "tag": [{"system": EXTRACTION_ID, "code": str(name)}]}
