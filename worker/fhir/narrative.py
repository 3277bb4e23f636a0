"""The human-readable text of a resource, as safe XHTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from worker.fhir.elements import Element, clean

XHTML = "http://www.w3.org/1999/xhtml"


def narrative(paragraphs: Iterable[str]) -> Element:
    """A Narrative of paragraphs; the note's words are escaped (`BP < 90`) and freed of control characters."""
    said = "".join(f"<p>{escape(clean(each))}</p>" for each in paragraphs if clean(each))
    return {"status": "generated", "div": f'<div xmlns="{XHTML}">{said}</div>'}
