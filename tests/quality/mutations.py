"""False sentences made from true ones: one thing in them is changed, as a model that invents would change it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from worker.clinical import reading
from worker.clinical.folded import fold
from worker.clinical.terminology import terminology

TABLE = Path(__file__).with_name("mutations.toml")
PER_CLASS = 2
"""As many mutants as one sentence gives in one class."""

_NUMBER = re.compile(r"(?<![\w./])\d+(?:\.\d+)?(?![\w/]|\.\d)")
_NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez)\b"
)
_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PALABRAS = ("dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez")
_DOSE = re.compile(r"\b\d+(?:\.\d+)?(?= ?(?:mg|mcg|milligrams?|micrograms?|g|ml|units?|UI|unidades)\b)")
_AGE = re.compile(r"\b\d{1,3}(?=[- ](?:years?|months?)[- ](?:old|of age)|[ -]?y/?o\b| años\b(?! de evol))")
_DATE = re.compile(r"\b(?:\d{1,2}/\d{1,2}(?:/\d{2,4})?|(?:19|20)\d\d)\b")
_NAMED = re.compile(r"\b(Mr|Mrs|Ms|Dr|Miss|Sr|Sra)\.? ([A-Z][a-z]+|[A-Z]\b)")
_SUBJECT = re.compile(r"^(?:The patient|He|She|El paciente|La paciente)\b")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A false sentence and what was changed."""

    kind: str
    text: str
    new: str
    """The words that were put in."""
    old: str


Make = Callable[[str, str, Random], Iterator[Mutant]]
"""Takes a true sentence, its whole source and a source of chance."""


@cache
def table() -> dict[str, Any]:
    """The words of mutations.toml."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def mutants(sentence: str, source: str) -> list[Mutant]:
    """The mutants of a true sentence, always the same ones; those that the source happens to support are left out."""
    found: list[Mutant] = []
    for kind, make in CLASSES.items():
        chance = Random(f"{kind}|{sentence}")
        made = {each.text: each for each in make(sentence, source, chance)}
        false = [each for each in made.values() if each.text != sentence and not _said(each, sentence, source)]
        found += [Mutant(kind, each.text, each.new, each.old) for each in false[:PER_CLASS]]
    return found


def _said(mutant: Mutant, sentence: str, source: str) -> bool:
    """Whether the source says the changed words too, with what stands next to them."""
    at = next((n for n, (a, b) in enumerate(zip(sentence, mutant.text, strict=False)) if a != b), 0)
    around = mutant.text[max(0, mutant.text.rfind(" ", 0, max(0, at - 1))) : at + len(mutant.new) + 8]
    return _bare(around) in _bare(source) or _bare(mutant.text) in _bare(source)


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


def _swap(kind: str, sentence: str, found: re.Match[str], new: str) -> Mutant:
    start, end = found.span()
    if found.group()[:1].isupper():
        new = new[:1].upper() + new[1:]
    return Mutant(kind, sentence[:start] + new + sentence[end:], new, found.group())


def _another_number(written: str, chance: Random) -> str:
    value = float(written)
    other = value * chance.choice((2, 3, 10)) if chance.random() < 0.4 else value + chance.choice((1, 2, 3, 5, 7))
    return f"{other:.{len(written.partition('.')[2])}f}"


def _numbers(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
    special = [each.span() for pattern in (_DOSE, _AGE, _DATE) for each in pattern.finditer(sentence)]
    for found in _NUMBER.finditer(sentence):
        other = _another_number(found.group(), chance)
        if not any(start <= found.start() < end for start, end in special) and not re.search(rf"\b{other}\b", source):
            yield _swap("number", sentence, found, other)
    for found in _NUMBER_WORD.finditer(sentence):
        words = _WORDS if found.group() in _WORDS else _PALABRAS
        other = words[(words.index(found.group()) + chance.randint(1, 7)) % len(words)]
        yield _swap("number", sentence, found, other)


def _of(pattern: re.Pattern[str], kind: str) -> Make:
    def make(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
        for found in pattern.finditer(sentence):
            other = _another_number(found.group(), chance)
            if not re.search(rf"\b{re.escape(other)}\b", source):
                yield _swap(kind, sentence, found, other)

    return make


def _dates(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
    for found in _DATE.finditer(sentence):
        whole = found.group()
        digits = re.search(r"\d+$", whole)
        other = whole[: digits.start()] + str(int(digits.group()) + chance.randint(1, 4)).zfill(2) if digits else whole
        if other not in source:
            yield _swap("date", sentence, found, other)
    for names in (table()["months"], table()["weekdays"]):
        for found in re.finditer(rf"\b(?:{'|'.join(names)})\b", sentence):
            others = [name for name in names if name not in source and name[0].isupper() == found.group()[0].isupper()]
            yield _swap("date", sentence, found, chance.choice(others))


def _pairs(name: str, kind: str) -> Make:
    def make(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
        for old, new in table()[name]:
            for found in re.finditer(rf"\b{re.escape(old)}(?!\w)", sentence, re.IGNORECASE):
                yield _swap(kind, sentence, found, new)

    return make


def _patterns(name: str, kind: str) -> Make:
    def make(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
        for pattern, new in table()[name]:
            found = re.search(pattern, sentence)
            if found:
                made = sentence[: found.start()] + found.expand(new) + sentence[found.end() :]
                yield Mutant(kind, made[:1].upper() + made[1:], found.expand(new), found.group())

    return make


def _drugs(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
    alike = {name: other for pair in table()["look_alikes"] for name, other in (pair, pair[::-1])}
    for found in _named(sentence, "medication"):
        at_large = [each for each in table()["drugs"].split() if each not in fold(source)]
        new = alike.get(fold(found.group()), chance.choice(at_large))
        if new not in fold(source):
            yield _swap("drug", sentence, found, new)


def _doses_exchanged(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
    """Another drug of the same text in the place of one that has a dose."""
    others = sorted({fold(found.group()) for found in _named(source, "medication")})
    for found in _named(sentence, "medication"):
        if _DOSE.match(sentence, found.end() + 1):
            new = [each for each in others if each not in fold(sentence)]
            if new:
                yield _swap("drug of the same text", sentence, found, chance.choice(new))


def _problems(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
    spanish = re.search(r"\b(?:el|la|de|con|niega|refiere)\b", sentence) is not None
    pool = table()["problemas" if spanish else "problems"].split()
    for found in (*_named(sentence, "condition"), *_named(sentence, "symptom")):
        yield _swap("problem", sentence, found, chance.choice([each for each in pool if each not in fold(source)]))


def _named(text: str, kind: str) -> list[re.Match[str]]:
    read = reading.read(text, "en")
    spans = [read.span(each.start, each.end) for each in terminology().find(read) if each.concept.kind == kind]
    found = (re.compile(re.escape(text[span.start : span.end])).match(text, span.start) for span in spans)
    return [each for each in found if each]


def _names(sentence: str, source: str, chance: Random) -> Iterator[Mutant]:
    new = chance.choice([name for name in table()["names"] if name not in source])
    for found in _NAMED.finditer(sentence):
        yield Mutant("name", sentence[: found.start(2)] + new + sentence[found.end(2) :], new, found.group(2))
    subject = _SUBJECT.match(sentence)
    if subject:
        title = "Sr." if "aciente" in subject.group() and subject.group()[0] in "EL" else "Mr."
        title = {"She": "Ms.", "La paciente": "Sra."}.get(subject.group(), title)
        yield _swap("name", sentence, subject, f"{title} {new}")


CLASSES: dict[str, Make] = {
    "number": _numbers,
    "dose": _of(_DOSE, "dose"),
    "unit": _pairs("units", "unit"),
    "drug": _drugs,
    "drug of the same text": _doses_exchanged,
    "side": _pairs("sides", "side"),
    "negation removed": _patterns("denials", "negation removed"),
    "negation put in": _patterns("affirmations", "negation put in"),
    "person": _patterns("persons", "person"),
    "problem": _problems,
    "age": _of(_AGE, "age"),
    "date": _dates,
    "name": _names,
    "frequency": _pairs("frequencies", "frequency"),
    "course": _pairs("courses", "course"),
}
