"""Which drugs a patient's allergies speak against: the drug itself, its class, and what crosses with that class."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from shared.case import Case, Mention
from worker.clinical import reading
from worker.clinical.folded import fold
from worker.clinical.terminology import terminology

TABLE = Path(__file__).with_name("drug_classes.toml")

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class DrugClass:
    """Drugs that one word of allergy warns about."""

    words: frozenset[str]
    """The names of the class itself: penicillins, sulfa."""
    same: frozenset[str]
    cross: frozenset[str]


@cache
def drug_classes() -> tuple[DrugClass, ...]:
    """The table of drug classes, read once."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return tuple(DrugClass(*(frozenset(row[name]) for name in ("words", "same", "cross"))) for row in table.values())


@cache
def contrast() -> frozenset[str]:
    """The names of contrast media."""
    row = tomllib.loads(TABLE.read_text(encoding="utf-8"))["contrast"]
    return frozenset((*row["words"], *row["same"]))


def clash(allergy: Iterable[str], drug: Iterable[str]) -> Literal["conflict", "cross"] | None:
    """How a drug stands to an allergy, each by all its folded names; conflict: the same drug or one of its class."""
    theirs, given = set(allergy), set(drug)
    classes = [each for each in drug_classes() if theirs & (each.words | each.same)]
    if theirs & given or any(given & (each.words | each.same) for each in classes):
        return "conflict"
    return "cross" if any(given & each.cross for each in classes) else None


def names(mention: Mention) -> frozenset[str]:
    """All folded names of an allergy or a drug: its words, its concept, and each word alone that names a class."""
    whole = {fold(mention.text), fold(mention.concept or mention.text)}
    return frozenset(whole) | _known_words(" ".join(whole))


def drugs(text: str, language: str | None) -> tuple[frozenset[str], ...]:
    """The drugs and classes of drugs that a text names, each by all its folded names."""
    read = reading.read(text, language or "en")
    found = [
        frozenset({fold(read.words(each.start, each.end)), fold(each.concept.name)})
        for each in terminology().find(read)
        if each.concept.kind == "medication"
    ]
    return (*found, *(frozenset({word}) for word in sorted(_known_words(fold(text)))))


def against(case: Case) -> Callable[[str], bool]:
    """Tells of a text whether it names a drug that an allergy of the case's patient speaks against."""
    own = (each for each in case.mentions if (each.kind, each.assertion, each.experiencer) == _ALLERGIC)
    allergies = [names(each) for each in own]

    def speaks(text: str) -> bool:
        given = drugs(text, case.language) if allergies else ()
        return any(clash(allergy, drug) for drug in given for allergy in allergies)

    return speaks


_ALLERGIC = ("allergy", "present", "patient")


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset().union(*(each.words | each.same | each.cross for each in drug_classes()))


def _known_words(folded: str) -> frozenset[str]:
    return _vocabulary().intersection(_WORD.findall(folded))
