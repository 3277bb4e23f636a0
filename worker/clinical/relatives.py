"""Relatives and other people in a sentence, where they are more than company or the source of the story."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from shared.case import Experiencer
from worker.clinical.phrases import Hit, Phrases
from worker.clinical.terminology import DATA
from worker.clinical.tokens import word_set

_OWNERS = word_set("my his her your their the our a an another mi mis su sus tu la el una un")
_ENGLISH_OWNERS = word_set("my his her your our their the a older younger oldest youngest eldest one")
_SPANISH = word_set(
    "el los las del y con que es en por se de su sus muy mas dos tres ni sin como una frecuentes normales"
)
"""Words of a sentence in which "son" is a verb."""
_BEFORE_BEHIND = word_set("in on of by for ( affecting en de por : tomaba tenia tuvo padecia padece")
_IN_BREAST = word_set("de en la una ambas por")
_COUNTS = word_set("no has have had any")
_TELLS = word_set("refiere refieren comenta comentan relata relatan informa informan cuenta cuentan dice dicen")
"""Before "la madre" and "su esposa" these say who tells it."""
_SOME = word_set("con un algun otro varios otros")
_OF_THEM = word_set("with who has have had : ( is are was were all both")
_CARES = word_set("care cares cared caring caretaker caregiver caregiving looks looking")
_MET = word_set("exposed exposure contact contacts close contacto contactos expuesto expuesta")
_BRINGS = word_set("brings bring brought bringing trae traen traia trajo traemos")
BROUGHT_TOKENS = 8
"""How near before a child "brings in" stands: the mother brings in her daughter."""
_ILL = re.compile(r"(?:, )?(?:que|quien|who) (?:padece|tiene|sufre|has|had|suffers|died|murio)(?: \S+)?")
"""Behind company these speak of the companion: lives with her daughter, who has asthma."""
_BROUGHT = re.compile(r"(?:acompanad[oa]s?|traid[oa]s?) de(?: (?:su|la|el|un|una))?$")
MET_TOKENS = 5
"""How near before somebody "exposed to", "contact with" and "takes care of" stand."""
WOMEN = word_set("mother mom mum mommy sister daughter grandmother grandma aunt niece wife girlfriend granddaughter")
MEN = word_set("father dad daddy brother son grandfather grandpa uncle nephew husband boyfriend grandson")
_CHILDREN = frozenset({"son", "daughter", "child"})
FAMILY_MEMBER = "family member"
"""The relation where the text names nobody."""


@dataclass(frozen=True, slots=True)
class Relative:
    """Somebody else than the patient: tokens `first` to `last` (exclusive) of a sentence."""

    relation: str
    experiencer: Experiencer
    first: int
    last: int
    behind: bool
    """Whether it belongs to what stands before it: breast cancer in her mother."""


@dataclass(frozen=True, slots=True)
class _Words:
    people: Phrases[tuple[str, Experiencer]]
    after: Phrases[str]
    before: frozenset[str]


@cache
def _table() -> _Words:
    read = tomllib.loads((DATA / "relatives.toml").read_text(encoding="utf-8"))
    people: dict[str, tuple[str, Experiencer]] = {}
    for relation, names in read["kin"].items():
        people |= {name.replace("-", " - "): (relation, "family") for name in names}
    for relation, names in read["others"].items():
        people |= {name.replace("-", " - "): (relation, "other") for name in names}
    after = Phrases({phrase: phrase for phrase in read["only"]["after"]})
    return _Words(Phrases(people), after, frozenset(read["only"]["before"]))


def relatives(words: Sequence[str], *, kin_is_patient: bool = False) -> list[Relative]:
    """The other people whom a sentence says something about.

    With `kin_is_patient` a parent is speaking: his son or daughter is the patient, as is a child that somebody brings.
    """
    found = [each for each in _people(words) if not (_is_breast(words, each) or _is_company(words, each))]
    found = [
        each for each in found if each.value[0] not in _CHILDREN or not (kin_is_patient or _is_brought(words, each))
    ]
    return [_relative(words, each) for each in found]


def everybody(words: Sequence[str]) -> Iterator[Relative]:
    """Everyone but the patient whom the words name, whatever is said of him; not the family as a whole."""
    return (_relative(words, each) for each in _people(words) if each.value[0] != FAMILY_MEMBER)


def named(words: Sequence[str]) -> Iterator[Relative]:
    """Every relative by blood that the words name, whatever is said of him; not the family as a whole."""
    for hit in _people(words):
        if hit.value[1] == "family" and hit.value[0] != FAMILY_MEMBER:
            yield _relative(words, hit)


def _people(words: Sequence[str]) -> Iterator[Hit[tuple[str, Experiencer]]]:
    """The people of the table whom the words name; the Spanish "son" is no son: los síntomas son tos y disnea."""
    for hit in _table().people.find(words):
        owned = words[max(0, hit.first - 1) : hit.first]
        if words[hit.first] != "son" or _SPANISH.isdisjoint(words) or (owned and owned[0] in _ENGLISH_OWNERS):
            yield hit


def _relative(words: Sequence[str], hit: Hit[tuple[str, Experiencer]]) -> Relative:
    before = _word_before(words, hit.first)
    phrase = " ".join(words[hit.first : hit.last])
    behind = before in _BEFORE_BEHIND or phrase.startswith(("runs in", "run in", "in ", "en "))
    return Relative(*hit.value, hit.first, hit.last, behind)


def _word_before(words: Sequence[str], position: int) -> str:
    """The word before a relative and before his "my" or "her"."""
    position -= 1
    while position >= 0 and words[position] in _OWNERS:
        position -= 1
    return words[position] if position >= 0 else ""


def _is_breast(words: Sequence[str], hit: Hit[tuple[str, Experiencer]]) -> bool:
    """Whether "mama" is no mother: cáncer de mama, nódulo en mama izquierda."""
    return words[hit.first] == "mama" and words[max(0, hit.first - 1)] in _IN_BREAST


def _is_company(words: Sequence[str], hit: Hit[tuple[str, Experiencer]]) -> bool:
    phrase = " ".join(words[hit.first : hit.last])
    if phrase in {"family", "familia", "familiar", "familiares", "af", "fh"} and hit.first + 1 < len(words):
        if phrase.startswith("familiar") and words[hit.last] == "con" and words[hit.first - 1] in _SOME:
            return False
        return words[hit.last : hit.last + 1] not in ([":"], ["positive"], ["members"]) and not phrase.startswith("f h")
    aside = [*words[hit.last :][:2]] == [",", "who"]
    nearest = next(_table().after.find(words[hit.last + aside : hit.last + aside + 3]), None)
    if nearest and nearest.first == 0:
        return True
    if _ILL.fullmatch(" ".join(words[hit.last : hit.last + 3])):
        return False
    if hit.value[0] == "child" and words[hit.first - 1 : hit.first] and _counted(words, hit):
        return True
    before, near = _word_before(words, hit.first), {*words[max(0, hit.first - MET_TOKENS) : hit.first]}
    if before in {"to", "with", "con", "a"} and near & _MET:
        return False
    if before in {"of", "for", "after"} and near & _CARES:
        return True
    if before in _TELLS and words[hit.first - 1] in _OWNERS:
        return True
    led = " ".join(words[max(0, hit.first - 3) : hit.first])
    return (before in _table().before or _BROUGHT.search(led) is not None) and "history" not in phrase


def _is_brought(words: Sequence[str], hit: Hit[tuple[str, Experiencer]]) -> bool:
    """Whether a child is the patient, for somebody brings it: mother brings in her daughter."""
    return not _BRINGS.isdisjoint(words[max(0, hit.first - BROUGHT_TOKENS) : hit.first])


def _counted(words: Sequence[str], hit: Hit[tuple[str, Experiencer]]) -> bool:
    """Children that are only counted: lives alone, has no children."""
    before, after = words[hit.first - 1], words[hit.last] if hit.last < len(words) else "."
    return (before in _COUNTS or before.isdigit()) and after not in _OF_THEM
