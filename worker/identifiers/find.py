"""All identifiers of a text: what the patterns and the names tell, without what is clinical."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from shared.case import Identifier, IdentifierKind, Mention
from shared.job import Patient
from worker.identifiers.names import people
from worker.identifiers.patterns import matches

CLINICAL = frozenset({"symptom", "condition", "medication", "allergy", "procedure", "vital"})
_LAST: dict[IdentifierKind, int] = {"phone": 1, "name": 2}
"""What gives way where another kind says the same words."""
SHORTEST_NAME = 3
"""Letters: a shorter part of a patient's name would be found in too many words."""
_PART = re.compile(r"[^\W\d_]+")
_WHOLE = re.compile(r"(?<!\w)[^\W\d_]++(?:['’-][^\W\d_]+)+")
_EPONYM = re.compile(
    r"(?:'s|’s)?[ -](?:disease|syndrome|palsy|sign|test|phenomenon|score|criteria|contracture|thyroiditis|lymphoma|"
    r"sarcoma|esophagus|hernia|catheter|ulcer|murmur|maneuver|manoeuvre|reflex|scale|stage|classification|grade|index|fracture|"
    r"procedure|tumou?r|bodies|line|spots?|nodes?|cyst|stain|lamp|position|view|drain|block|monitor)(?!\w)"
)
_EPONIMO = re.compile(
    r"(?<!\w)(?:enfermedad|síndrome|signo|parálisis|maniobra|test|escala|índice|sonda|tiroiditis|linfoma|sarcoma|esófago|"
    r"hernia|reflejo|fenómeno|clasificación|fractura|tumor|prueba|criterios|estadio) de(?:l| la| los)?"
)


def identifiers(text: str, mentions: Sequence[Mention] = (), patient: Patient | None = None) -> tuple[Identifier, ...]:
    """What could tell who the text is about, in its order, none overlapping; the longest counts.

    The eighteen kinds of 45 CFR 164.514(b)(2) as far as text can hold them. Years alone, ages below 90 and states stay,
    as the rule allows. `mentions` are the clinical findings of the same text: no part of one is taken for a name.
    What the caller says of the `patient` is looked for as well, however it is spelled.
    """
    taken = [(each.start, each.end) for each in mentions if each.kind in CLINICAL]
    names = (Identifier("name", span.start, span.end) for span in people(text))
    personal = (each for each in names if not _is_clinical(text, each, taken))
    return tuple(_apart([*matches(text), *personal, *_of_patient(text, patient)]))


def _of_patient(text: str, patient: Patient | None) -> Iterator[Identifier]:
    if patient is None:
        return
    said = [each for each in (patient.name, patient.family, patient.given) if each]
    names = {part for each in said for form in (_WHOLE, _PART) for part in form.findall(each)}
    known = [("name", each) for each in names if len(each) >= SHORTEST_NAME]
    known += [("mrn", patient.identifier)] if patient.identifier else []
    for kind, words in known:
        written = re.escape(words).replace("’", "'").replace("'", "['’]")
        for found in re.finditer(rf"(?<!\w){written}(?!\w)", text, re.IGNORECASE):
            yield Identifier(cast("IdentifierKind", kind), found.start(), found.end())


def _is_clinical(text: str, name: Identifier, taken: Sequence[tuple[int, int]]) -> bool:
    if _EPONYM.match(text, name.end):
        return True
    before = text[max(0, name.start - 30) : name.start].rstrip().lower()
    if any(found.end() == len(before) for found in _EPONIMO.finditer(before)):
        return True
    index = bisect_right(taken, (name.start, len(text)))
    return any(start < name.end and name.start < end for start, end in taken[max(0, index - 3) : index + 1])


def _apart(found: Iterable[Identifier]) -> list[Identifier]:
    """Without overlaps: of two, the longer one; of equal ones, what a pattern says."""
    kept: list[Identifier] = []
    for each in sorted(set(found), key=lambda one: (one.start, one.start - one.end, _LAST.get(one.kind, 0))):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
        elif each.end - each.start > kept[-1].end - kept[-1].start:
            kept[-1] = each
    return kept
