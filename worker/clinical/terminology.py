"""Symptoms, conditions, drugs, procedures and habits by the words that name them, with their codes.

Hand-checked tables first (aliases, signs, pains, drugs), then data/lexicon.tsv, compiled from HPO and ICD-10-CM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import cast

from shared.case import Code, MentionKind
from worker.clinical import endings
from worker.clinical.misspelt import Sounds
from worker.clinical.phrases import Phrases
from worker.clinical.reading import Reading
from worker.clinical.tokens import Token, key, stem

DATA = Path(__file__).with_name("data")
LEXICON = DATA / "lexicon.tsv"
ALIASES = (
    "aliases.tsv",
    "injuries.tsv",
    "examination.tsv",
    "illnesses.tsv",
    "signs.tsv",
    "procedures.tsv",
    "spanish.tsv",
    "lay.tsv",
    "notes.tsv",
)
"""Tables of the same columns; the first that has a name keeps it."""
DRUGS = ("drugs.tsv", "medicines.tsv", "brands.tsv")
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
HPO = "http://human-phenotype-ontology.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

_PART_OF = re.compile(r"-(?:free|like|related|relieving|induced|proof|tested|resistant|sensitive|susceptible)(?!\w)")
"""Pain-free is no pain."""
_HOUSE = re.compile(
    r" (?:(?:care|research|treatment) )?(?:cent(?:er|re)|network|institute|society|association|foundation|clinic|"
    r"department|hospital|support group|specialist|educator|nurse|test|screen|risk factor|vaccine|pandemic|"
    r"cocktail)s?(?!\w)| (?:testing|screening|prophylaxis|precautions)(?!\w)"
)
"""Behind the name: a cancer network, a diabetes clinic, an HIV test."""
_STAFF = re.compile(r" (?:technicians?|technologists?|techs?|staff|departments?|suites?)(?!\w)")
"""Behind an act: an x-ray technician, the physical therapy staff."""
_EASE = re.compile(r" (?:relief|relievers?|management|control|clinics?|scales?|scores?|diary)(?!\w)")
"""Behind a symptom: pain relief, pain management."""
CURATED, COMPILED, BY_ENDING, BY_SOUND = 0.95, 0.85, 0.8, 0.75
"""Confidence in a name from the hand-checked tables, from the compiled lexicon, by its ending, and misspelt."""

_PAIN_EN = ("{0} pain", "{0} ache", "{0} aches", "{0} soreness", "{0} discomfort", "{0} hurts", "{0} hurt", "sore {0}")
_PAIN_IN = (
    "pain in {0}",
    "pain in the {0}",
    "pain in my {0}",
    "pain in his {0}",
    "pain in her {0}",
    "pain in your {0}",
)
_PAIN_ES = ("dolor en {0}", "dolor de {0}", "dolores en {0}", "me duele {0}", "le duele {0}", "molestias en {0}")
_PAIN_ES_BARE = ("dolor de", "dolores de", "dolor en", "dolores en", "molestias en", "molestia en")
_PAIN_ES_MORE = ("me duelen {0}", "le duelen {0}", "molestia en {0}")
_SIDES = ("", "left ", "right ", "both ")
_SIDES_ES = ("", " derecha", " derecho", " izquierda", " izquierdo")


@dataclass(frozen=True, slots=True)
class Concept:
    """What a name stands for."""

    kind: MentionKind
    name: str
    codes: tuple[Code, ...] = ()
    confidence: float = CURATED


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a text: where it stands in the reading, and what it stands for."""

    start: int
    end: int
    concept: Concept


@dataclass(frozen=True, slots=True)
class Entry:
    """A concept under one key; `exact` where only this very spelling counts, in capitals where it has capitals."""

    concept: Concept
    exact: str | None = None
    language: str | None = None
    """The only language of an abbreviation: MI is an infarction in English, a ward in Spanish."""


Row = tuple[Sequence[str], Concept, str | None]
"""Names, what they stand for, and the language of the abbreviations among them."""


class Terminology:
    """All names at once; `find` takes the longest one at each place."""

    def __init__(self, entries: dict[str, tuple[Entry, ...]], drugs: Mapping[str, Concept]) -> None:
        self._phrases = Phrases(entries)
        self._misspelt = Sounds(drugs)

    def find(self, reading: Reading) -> Iterator[Name]:
        """The names in the text from left to right, none overlapping."""
        tokens = [each for each in reading.tokens if each.word != "-"]
        stems = [stem(each.word) for each in tokens]
        done = 0
        for hit in self._phrases.find(stems):
            yield from self._nameless(reading.text, tokens[done : hit.first], stems[done : hit.first])
            done = hit.last
            first, last = tokens[hit.first], tokens[hit.last - 1]
            entry = next((each for each in hit.value if _is_meant(reading, first, last, each)), None)
            if entry:
                end = last.end - 2 if last.word.endswith("'s") and entry.concept.kind != "condition" else last.end
                yield Name(first.start, end, entry.concept)
        yield from self._nameless(reading.text, tokens[done:], stems[done:])

    def _nameless(self, text: str, tokens: Sequence[Token], stems: Sequence[str]) -> Iterator[Name]:
        """Words that no table has: drugs that are misspelt, and what the ending of a word tells."""
        for token, word in zip(tokens, stems, strict=True):
            misspelt = self._misspelt.find(token.word)
            kind = endings.kind_of(word)
            if (misspelt or kind) and _PART_OF.match(text, token.end):
                continue
            if misspelt:
                yield Name(token.start, token.end, replace(misspelt, confidence=BY_SOUND))
            elif kind:
                yield Name(token.start, token.end, Concept(kind, word, confidence=BY_ENDING))


def says_other(text: str, end: int, kind: MentionKind) -> bool:
    """Whether the words behind a name of that kind make it part of another thing: pain-free, x-ray technician."""
    if _PART_OF.match(text, end):
        return True
    if kind == "procedure":
        return _STAFF.match(text, end) is not None
    return kind in {"symptom", "condition"} and any(
        each.match(text, end) for each in ((_HOUSE, _EASE) if kind == "symptom" else (_HOUSE,))
    )


@cache
def terminology() -> Terminology:
    """The terminology, read once a process."""
    entries: dict[str, tuple[Entry, ...]] = {}
    for names, concept, language in (*_aliases(), *_pains(), *_drugs()):
        for name in names:
            exact = name.removeprefix("=") if name.startswith("=") or _has_capitals(name) else None
            _add(entries, key(name.removeprefix("=").lower()), Entry(concept, exact, language))
    for keys, concept in _lexicon():
        entry = Entry(concept)
        for each in keys:
            entries.setdefault(each, (entry,))
    drugs = {name: concept for names, concept, _ in _drugs() for name in map(str.lower, names)}
    return Terminology(entries, drugs)


def _add(entries: dict[str, tuple[Entry, ...]], name: str, entry: Entry) -> None:
    """Take the entry up, behind those that count in one spelling only: SAH is not SAHS, though it has its key."""
    known = entries.get(name, ())
    if all(each.exact is not None for each in known):
        entries[name] = (*known, entry)


def _has_capitals(name: str) -> bool:
    return name.replace(" ", "").isupper()


def _is_meant(reading: Reading, first: Token, last: Token, entry: Entry) -> bool:
    if reading.text.endswith("anti-", 0, first.start) or says_other(reading.text, last.end, entry.concept.kind):
        return False
    if entry.exact is None:
        return True
    written = reading.words(first.start, last.end)
    if _has_capitals(entry.exact):
        written = written if " " in entry.exact else written.replace(" ", "")
        return written in {entry.exact, f"{entry.exact}s"} and entry.language in {None, reading.language}
    return written.lower() == entry.exact


def _rows(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


def _aliases() -> Iterator[Row]:
    for kind, name, icd, hpo, english, spanish in (row for table in ALIASES for row in _rows(DATA / table)):
        concept = Concept(cast("MentionKind", kind), name, _codes(icd, hpo, name))
        both = {*english.split("|")} & {*spanish.split("|")} - {""}
        yield sorted(both), concept, None
        for language, names in (("en", english), ("es", spanish)):
            yield [each for each in names.split("|") if each and each not in both], concept, language


def _pains() -> Iterator[Row]:
    for concept, icd, hpo, english, spanish in _rows(DATA / "pains.tsv"):
        sided = [side + part for side, part in product(_SIDES, english.split("|"))]
        names = [form.format(part) for form, part in product(_PAIN_EN, english.split("|"))]
        names += [form.format(part) for form, part in product(_PAIN_IN, sided)]
        for part, side in product(spanish.split("|"), _SIDES_ES):
            bare = part.split(" ", 1)[1]
            names += [form.format(part + side) for form in (*_PAIN_ES, *_PAIN_ES_MORE)]
            names += [f"{pain} {bare}{side}" for pain in _PAIN_ES_BARE]
        yield names, Concept("symptom", concept, _codes(icd, hpo, concept)), None


def _drugs() -> Iterator[Row]:
    for ingredient, rxcui, others in (row for table in DRUGS for row in _rows(DATA / table)):
        codes = (Code(RXNORM, rxcui, ingredient),) if rxcui else ()
        names = [ingredient.lower(), *(each for each in others.split("|") if each)]
        yield names, Concept("medication", ingredient, codes), None


def _lexicon() -> Iterator[tuple[Sequence[str], Concept]]:
    for kind, concept, icd, hpo, keys in _rows(LEXICON):
        yield keys.split("|"), Concept(cast("MentionKind", kind), concept, _codes(icd, hpo, concept), COMPILED)


def _codes(icd: str, hpo: str, display: str) -> tuple[Code, ...]:
    both = ((ICD, icd), (HPO, hpo))
    return tuple(Code(system, code, display) for system, code in both if code)
