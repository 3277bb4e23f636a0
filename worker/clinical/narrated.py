"""The narrative of an English conversation: its reported speech and its facts, each thing told once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.case import Case, Sentence
from worker.clinical import noted, wording
from worker.clinical.grounds import Source
from worker.clinical.reported import reported

AGAIN = 0.7
"""A sentence of whose meaning words more than this share has been told says nothing new."""

_VERDICTS = frozenset({"noncontributory", "negative", "none", "unremarkable", "unknown"})
"""Words with which a note says that there is nothing to tell."""
_OPENINGS = {"He": "The patient", "She": "The patient", "His": "The patient's", "Her": "The patient's"}
_OF_NOBODY = ("No one in", "There is no known family")
_DENIES = re.compile(r"(?P<denies>The patient denies|Denies|No) (?P<things>[^.]{1,400})\.")
_AGED = re.compile(r"-old (?:fe)?male\.$")
_BETWEEN = re.compile(r", | or ")
ENOUGH = 3
"""Of the speakers' own sentences so many leave a model, which errs more often than they, no more than its opening."""
_HABITS_BY = {
    "smok": "smoke",
    "tobacco": "smoke",
    "cigar": "smoke",
    "alcohol": "drink",
    "drink": "drink",
    "beer": "drink",
}
_EMPTY = frozenset({"use", "illicit", "former", "history", "current"})
"""Words around the name of a habit that say little."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a part of a note is told: at most so many sentences, and whether the facts or the speakers' words lead."""

    most: int
    facts_lead: bool = False
    words_beside: bool = True
    """Whether the speakers' words stand beside the facts; else they come only where there are no facts."""


_FULL, _HABITS, _HISTORY = Manner(16), Manner(6), Manner(6, facts_lead=True)
_LIST = Manner(3, facts_lead=True, words_beside=False)
_MANNERS = {
    "": _FULL, "GENHX": _FULL, "ROS": _FULL, "EXAM": _FULL, "PLAN": _FULL, "EDCOURSE": _FULL, "FAM/SOCHX": _HABITS,
    "PASTMEDICALHX": _HISTORY, "OTHER_HISTORY": _HISTORY, "DIAGNOSIS": _HISTORY, "GYNHX": _HISTORY,
}  # fmt: skip
"""By the header of shared/headers.py; others are lists. The numbers were chosen on training conversations."""


def rules(case: Case, source: Source) -> tuple[Sentence, ...]:
    """The narrative without a model; nothing for another language than English, or where nothing is certain."""
    return _narrative(case, source, ())


def beside(case: Case, source: Source, kept: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """The sentences of a model with what they leave out; nothing where the part is a list."""
    return () if _manner(case).facts_lead else _narrative(case, source, kept)


def _narrative(case: Case, source: Source, kept: Sequence[Sentence]) -> tuple[Sentence, ...]:
    manner = _manner(case)
    facts = noted.noted(case, source)
    said = reported(case)
    if any(each.text.lower().rstrip(".") in _VERDICTS for each in kept):
        said = tuple(each for each in said if not each.text.startswith(_OF_NOBODY))
    if manner is _FULL and len(said) >= ENOUGH:
        kept = kept[:1]
    ages = [*(each for each in said if _AGED.search(each.text)), *(each for each in facts if "-old" in each.text)]
    age = [] if any("-old" in each.text for each in kept) else ages[:1]
    rest = [each for each in facts if "-old" not in each.text]
    if not manner.words_beside and (rest or age):
        said = ()
    ordered = [*rest, *said] if manner.facts_lead else [*said, *rest]
    return _opened(_new([*age, *kept, *ordered], manner.most, len(kept) + len(age)))


def _opened(sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """The first sentence names the patient, whatever was left out before it."""
    first = next(iter(sentences), None)
    pronoun = first.text.split()[0] if first else ""
    if first is None or pronoun not in _OPENINGS:
        return tuple(sentences)
    return (replace(first, text=_OPENINGS[pronoun] + first.text[len(pronoun) :]), *sentences[1:])


def _manner(case: Case) -> Manner:
    headers = {each.header for each in case.headed if each.sure}
    return _MANNERS.get(next(iter(headers)), _LIST) if len(headers) == 1 else _FULL


def _new(sentences: Sequence[Sentence], most: int, first: int) -> list[Sentence]:
    """The first ones, and of the others those that say something new."""
    kept = list(sentences[:first])
    told = frozenset().union(*(_says(each) for each in kept))
    for each in sentences[first:]:
        each = _untold(each, told)
        says = _says(each)
        if len(kept) < most and says and len(says & told) <= AGAIN * len(says):
            kept.append(each)
            told |= says
    return kept


def _untold(sentence: Sentence, told: frozenset[str]) -> Sentence:
    """A denial of several things without those that were told."""
    found = _DENIES.fullmatch(sentence.text)
    things = _BETWEEN.split(found["things"]) if found else []
    new = [each for each in things if not _stems(each) <= told]
    if not found or not new or len(new) == len(things):
        return sentence
    *first, last = new
    listed = f"{', '.join(first)} or {last}" if first else last
    return replace(sentence, text=f"{found['denies']} {listed}.")


def _says(sentence: Sentence) -> frozenset[str]:
    return _stems(sentence.text)


def _stems(text: str) -> frozenset[str]:
    written = wording.read(text)
    stems = {next((_HABITS_BY[name] for name in _HABITS_BY if each.startswith(name)), each) for each in written.stems}
    return (frozenset(stems) - _EMPTY or frozenset(stems)) | {number.value for number in written.numbers}
