"""Where in the source the words stand that a resource was made from."""

from __future__ import annotations

from collections.abc import Iterable

from shared.case import Mention, Span
from worker.fhir.elements import Element

DERIVATION = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
PATH = "DocumentReference.content[0].attachment.data"


def extensions(source: Element, spans: Iterable[Span]) -> list[Element]:
    """One derivation-reference a span, each span once; offset and length are Unicode code points of the decoded text.

    Empty spans point at nothing and are left out.
    """
    return [_extension(source, each) for each in dict.fromkeys(spans) if each.end > each.start]


def spans(mentions: Iterable[Mention]) -> list[Span]:
    """What supports these mentions: first their own words, then the cues and the words of their attributes."""
    mentions = tuple(mentions)
    own = [Span(each.start, each.end) for each in mentions]
    cues = [cue for each in mentions for cue in each.cues]
    return [*own, *cues, *(held.span for each in mentions for held in each.attributes if held.span)]


def _extension(source: Element, span: Span) -> Element:
    return {
        "url": DERIVATION,
        "extension": [
            {"url": "reference", "valueReference": source},
            {"url": "path", "valueString": PATH},
            {"url": "offset", "valueInteger": span.start},
            {"url": "length", "valueInteger": span.end - span.start},
        ],
    }
