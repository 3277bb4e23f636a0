"""In which sense a text says the words at a place that somebody points at, by the very rules that find facts."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

from shared.case import Assertion, Experiencer, MentionKind, Temporality
from worker.clinical import language
from worker.clinical.allergies import NONE_KNOWN
from worker.clinical.facts import facts_of
from worker.clinical.finding import Finding
from worker.clinical.reading import Reading, fold, read
from worker.clinical.terminology import terminology


class Judgement(NamedTuple):
    """Whether it is so, with whom, and when."""

    assertion: Assertion
    experiencer: Experiencer
    relation: str | None
    """Of a family member or other person: father, spouse ..."""
    temporality: Temporality


_ACT = re.compile(
    r"(?:\w(?:ectomy|otomy|ostomy|scopy|graphy|plasty|therapy|centesis|desis)|(?<!\w)(?:catheterization|surgery|operation|"
    r"repair|biopsy|transplant|transplantation|replacement|resection|bypass|scan|x-ray|mri|ct|ultrasound|injection|"
    r"vaccine|vaccination|transfusion|dialysis|consultation|procedure|stent|excision|intubation|angiogram|mammogram|"
    r"echocardiogram))s?$"
)
"""How the names of acts end."""
ONLY_ASKED = Judgement("possible", "patient", None, "current")
"""What a question names and no answer settles."""


def sense_of(
    text: str, start: int, end: int, known_language: str | None = None, kind: MentionKind | None = None
) -> Judgement:
    """The sense of `text[start:end]` (code points, end exclusive), whether or not a dictionary knows these words.

    `kind` is what the words name: drugs and procedures are planned and stopped, symptoms and conditions are not. Where
    it is not given, the dictionaries tell, or the ending of the word.
    Raises ValueError where the place selects no words.
    """
    if not text[start:end].strip() or start < 0:
        raise ValueError("start and end select no words of the text")
    while text[start] in " ?¿":
        start += 1
    reading = read(text, known_language or language.detect(fold(text)))
    first, last = bisect_left(reading.ends, start + 1), bisect_left(reading.starts, end)
    given = Finding(kind or _kind(reading, first, last), first, last, text[start:end])
    found = facts_of(reading, given=(given,)).mentions
    said = next((each for each in found if each.start < end and start < each.end), None)
    if said is None:
        return ONLY_ASKED
    assertion: Assertion = "absent" if said.concept == NONE_KNOWN else said.assertion
    return Judgement(assertion, said.experiencer, said.relation, said.temporality)


def _kind(reading: Reading, first: int, last: int) -> MentionKind:
    named = (each for each in terminology().find(reading) if each.start < last and first < each.end)
    known = next((each for each in named if first <= each.start and each.end <= last), None)
    if known is not None:
        return known.concept.kind
    return "procedure" if _ACT.search(reading.text, first, last) else "condition"
