"""In which sense a text says the words at a place that somebody points at, by the very rules that find facts."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from shared.case import Assertion, Experiencer, MentionKind, Temporality
from worker.clinical import language
from worker.clinical.facts import facts_of
from worker.clinical.finding import Finding
from worker.clinical.reading import fold, read


class Judgement(NamedTuple):
    """Whether it is so, with whom, and when."""

    assertion: Assertion
    experiencer: Experiencer
    relation: str | None
    """Of a family member or other person: father, spouse ..."""
    temporality: Temporality


ONLY_ASKED = Judgement("possible", "patient", None, "current")
"""What a question names and no answer settles."""


def sense_of(
    text: str, start: int, end: int, known_language: str | None = None, kind: MentionKind = "condition"
) -> Judgement:
    """The sense of `text[start:end]` (code points, end exclusive), whether or not a dictionary knows these words.

    `kind` is what the words name: drugs and procedures are planned and stopped, symptoms and conditions are not.
    Raises ValueError where the place selects no words.
    """
    if not text[start:end].strip() or start < 0:
        raise ValueError("start and end select no words of the text")
    reading = read(text, known_language or language.detect(fold(text)))
    first, last = bisect_left(reading.ends, start + 1), bisect_left(reading.starts, end)
    given = Finding(kind, first, last, text[start:end])
    found = facts_of(reading, given=(given,)).mentions
    said = next((each for each in found if each.start < end and start < each.end), None)
    return Judgement(said.assertion, said.experiencer, said.relation, said.temporality) if said else ONLY_ASKED
