"""A written sentence without what a model adds by habit: who states it, he and she, and the age and sex that open a
history."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from worker.clinical.conjugation import bent

_NOUN = r"(?:male|female|man|woman|gentleman|lady|boy|girl)(?: patient)?"
_OPENING = re.compile(
    r"^(?:The patient|This|This patient|He|She) is an? (?:\d{1,3}[- ](?:year|month|week|day)s?[- ]old\b[ ,]*)?"
    rf"(?:[A-Za-z-]{{2,20}} ){{0,3}}?(?:{_NOUN}|patient)?,? ?(?P<link>who|with|presenting|here)\b(?P<rest>.*)$"
)
_LIST = re.compile(
    r"^(?P<lead>(?:(?:(?:The patient|He|She|Patient) )?(?:denies|reports|has|had|takes)(?: any| a history of| no)? "
    r"|No (?:known |history of )?|(?:History of|Positive for|Negative for|Family history of|Significant for) )?)"
    r"(?P<items>[^.;:]+,[^.;:]+)\.?$"
)
_SUBJECT = re.compile(r"(?i)(?:the|this|he|she|they|it|patient)\b")
"""What begins so is a sentence with clauses, not a list of names."""
_BETWEEN = re.compile(r",? (?:and|or) |, ")
_DENIAL = re.compile(r"(?i)no |negative|.*(?:denies| no )")
FEWEST_ITEMS, ITEM_WORDS = 3, 4
_LINKS = {"who": "The patient", "with": "The patient has", "presenting": "The patient is presenting",
          "here": "The patient is here"}  # fmt: skip
_GENDERED = re.compile(
    rf"(?<![\w'’])(?:(?P<noun>{_NOUN})|(?P<subject>s?he)|(?P<own>his|her)|(?P<object>him))(?!\w)", re.IGNORECASE
)
_INNER = {"noun": "patient", "subject": "they", "own": "their", "object": "them"}
_FIRST = {"noun": "Patient", "subject": "The patient", "own": "The patient's", "object": "The patient"}
_DOUBLED = re.compile(r"(?i)(the patient is an? \d{1,3}-(?:year|month|week|day)-old) patient( who| with)")
_STATED = re.compile(
    r"^(?P<who>The patient|He|She) (?:also )?(?:states|stated|reports|reported|says|said|mentions|mentioned) (?:that )?"
    r"(?:he|she|they|the patient) (?P<verb>is|are|was|were|has|have|had)(?!\w)"
)
_HISTORY = re.compile(r"^(The patient|He|She) has (?:a|had a) history of ")
_THEY = {"has": "have", "is": "are", "was": "were", "does": "do", "denies": "deny"}


def mended(text: str) -> Iterator[str]:
    """What the sentence says without these, one after the other; nothing where it has none."""
    if (neutral := ungendered(text)) != text:
        yield neutral
    if (shorter := unopened(text)) != text:
        yield shorter
        if (neutral := ungendered(shorter)) != shorter:
            yield neutral


def without_items(text: str, holds: Callable[[str], bool]) -> str | None:
    """An enumeration with only those items that hold, each judged alone behind what leads the list; None where no item
    holds or all do, or where the sentence is none."""
    found = _LIST.match(text)
    items = list(dict.fromkeys(each.strip() for each in _BETWEEN.split(found["items"]))) if found else []
    if (
        found is None
        or (not found["lead"] and _SUBJECT.match(text))
        or len(items) < FEWEST_ITEMS
        or any(len(each.split()) > ITEM_WORDS for each in items)
    ):
        return None
    lead = found["lead"] or ""
    kept = [each for each in items if each and holds(_capital(f"{lead}{each}."))]
    if not kept or len(kept) == len(items):
        return None
    last = " or " if _DENIAL.match(lead) else " and "
    return _capital(f"{lead}{', '.join(kept[:-1])}{last if len(kept) > 1 else ''}{kept[-1]}.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def ungendered(text: str) -> str:
    """He and she become the patient, within the sentence they; a woman of 57 becomes a patient of 57."""

    def put(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        return _FIRST[kind] if found.start() == 0 else _INNER[kind]

    told = _DOUBLED.sub(r"\1\2", _GENDERED.sub(put, text))
    for one, several in _THEY.items():
        told = told.replace(f"they {one} ", f"they {several} ")
    return told


def unstated(text: str) -> str:
    """She states that she is cold: she is cold. In a conversation it may be the doctor who says so."""
    return _STATED.sub(lambda found: f"{found['who']} {bent(found['verb'], plural=False) or found['verb']}", text)


def at_present(text: str) -> str:
    """She has a history of pain: she has pain."""
    return _HISTORY.sub(r"\1 has ", text)


def unopened(text: str) -> str:
    """The patient is a 45-year-old man with pain: the patient has pain."""
    found = _OPENING.match(text)
    return f"{_LINKS[found['link']]}{found['rest']}" if found else text
