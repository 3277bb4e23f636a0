"""Words, stems, numbers and sides of a text, made comparable across spelling and between English and Spanish."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

from worker.clinical.folded import fold
from worker.clinical.sameness import rephrased, same

TABLE = Path(__file__).with_name("plain_words.toml")
WORDS_KEPT = 4096
"""Words of which it is remembered what they are: a bound, for notes bring new ones without end."""
SHORTEST_STEM = 4
REACH_WORDS = 3
"""How many words from left or right its noun may stand."""

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*(?:/\d+(?:[.,]\d+)*)?|[^\W\d_]+(?:[’'][^\W\d_]+)?|[%°.,;:!?]")
_OVER = re.compile(r"(\d) ?(?:/|over|sobre) ?(?=\d)")
_SPELT_MG = re.compile(r"(?<![^\W\d_])m ?g(?!\w)")
"""Transcripts spell it: four M G."""
_ENDINGS = (
    *(
        "aciones",
        "acion",
        "mente",
        "ations",
        "ation",
        "ingly",
        "ings",
        "iendo",
        "ando",
        "ing",
        "edly",
        "ies",
        "ied",
        "ed",
    ),
    *("ados", "adas", "ado", "ada", "ly", "es", "as", "os", "s", "a", "o", "e", "y"),
)
_UNITS = {
    name: unit
    for unit, names in {
        "mg": "mg milligram milligrams miligramo miligramos mgs",
        "ug": "mcg ug microgram micrograms microgramos",
        "g": "g gram grams gramo gramos gr",
        "ml": "ml milliliter milliliters millilitres mililitros cc",
        "unit": "unit units iu unidad unidades ui",
        "%": "% percent",
        "min": "minute minutes minuto minutos min mins",
        "h": "hour hours hora horas hr hrs h",
        "d": "day days dia dias",
        "wk": "week weeks semana semanas",
        "mo": "month months mes meses",
        "a": "year years yr yrs ano anos yo",
        "kg": "kg kilogram kilograms kilos kilogramos",
        "lb": "lb lbs pound pounds libras",
        "cm": "cm centimeter centimeters centimetres centimetros",
        "mm": "mm millimeter millimeters millimetres milimetros",
        "x": "times veces",
    }.items()
    for name in names.split()
}
DOSES = frozenset({"mg", "ug", "g", "ml", "unit"})
_COUNTS = {
    name: value
    for value, names in {
        2: "two dos", 3: "three tres", 4: "four cuatro", 5: "five cinco", 6: "six seis", 7: "seven siete",
        8: "eight ocho", 9: "nine nueve", 10: "ten diez", 11: "eleven", 12: "twelve doce",
        13: "thirteen trece", 14: "fourteen catorce", 15: "fifteen quince", 16: "sixteen dieciseis",
        17: "seventeen diecisiete", 18: "eighteen dieciocho", 19: "nineteen diecinueve", 20: "twenty veinte",
        30: "thirty treinta", 40: "forty cuarenta", 50: "fifty cincuenta", 60: "sixty sesenta",
        70: "seventy setenta", 80: "eighty ochenta", 90: "ninety noventa",
    }.items()
    for name in names.split()
}  # fmt: skip
_ONES = {"one": 1, "1": 1, "uno": 1, "una": 1}
"""They count behind tens only: alone they are articles."""
_ONE_HUNDRED = {("one", "hundred"), ("a", "hundred")}
_SIDES = {
    **dict.fromkeys(("left", "izquierdo", "izquierda", "izquierdos", "izquierdas"), "left"),
    **dict.fromkeys(("right", "derecho", "derecha", "derechos", "derechas"), "right"),
    **dict.fromkeys(("bilateral", "bilaterally", "bilaterales"), "both"),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number as a value, e.g. 37.9 or 142/91, with the unit that follows it and where it stands."""

    value: str
    unit: str | None
    at: int
    """Its place among the words."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A stretch of text taken apart."""

    words: tuple[str, ...]
    """Folded words, numbers and marks, in order."""
    stems: frozenset[str]
    """Of the words that mean something."""
    numbers: tuple[Number, ...]
    sides: frozenset[tuple[str, str]]
    """(left, right or both; the stem of a word that it may belong to)."""


@cache
def plain_words() -> frozenset[str]:
    """The words that claim nothing, English and Spanish."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return frozenset(f"{table['en']} {table['es']}".split())


@lru_cache(WORDS_KEPT)
def is_plain(word: str) -> bool:
    """Whether a folded word claims nothing, in this form or without its ending."""
    return word in plain_words() or stem(word) in plain_words()


@cache
def gender_words() -> tuple[frozenset[str], frozenset[str]]:
    """The words that call a patient a man, and those that call one a woman."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return frozenset(table["male"].split()), frozenset(table["female"].split())


@cache
def _clinical() -> re.Pattern[str]:
    endings = tomllib.loads(TABLE.read_text(encoding="utf-8"))["clinical_endings"].split()
    return re.compile(rf"(?<!\w)[^\W\d_]{{2,}}(?:{'|'.join(sorted(set(endings), key=len, reverse=True))})s?$")


def looks_clinical(word: str) -> bool:
    """Whether a word ends as names of diseases, drugs and procedures do."""
    return _clinical().match(word) is not None


def read(text: str) -> Wording:
    """Take a text apart."""
    words = tuple(_TOKEN.findall(_SPELT_MG.sub("mg", _OVER.sub(r"\1/", rephrased(fold(text))))))
    content = (word for word in words if word[0].isalpha() and not is_plain(word) and word not in _COUNTS)
    stems = frozenset(stem(word) for word in content if word not in _UNITS and word not in _SIDES)
    return Wording(words, stems, tuple(numbers(words)), frozenset(_sides(words)))


def unit(word: str) -> str | None:
    """The unit that a folded word names, e.g. mg for milligrams."""
    return _UNITS.get(word)


def counts(word: str) -> bool:
    """Whether a folded word is a number written as a word."""
    return word in _COUNTS


@lru_cache(WORDS_KEPT)
def stem(word: str) -> str:
    """A folded word without its ending; short words stay whole."""
    bare = re.sub(r"[’']s$", "", word)
    if known := same(bare):
        return known
    for ending in _ENDINGS:
        if bare.endswith(ending) and len(bare) - len(ending) >= SHORTEST_STEM:
            return bare[: -len(ending)]
    return bare


def numbers(words: tuple[str, ...]) -> list[Number]:
    """The numbers among folded words, with the units that follow them."""
    found: list[Number] = []
    at = 0
    while at < len(words):
        value, used = _value(words, at)
        if value is not None:
            following = next((word for word in words[at + used : at + used + 1]), "")
            found.append(Number(value, _UNITS.get(following), at))
        at += used
    return found


def _value(words: tuple[str, ...], at: int) -> tuple[str | None, int]:
    """The number that begins here and how many words it takes; forty five is 45, cuarenta y cinco too."""
    word = words[at]
    if word[0].isdigit():
        return "/".join(_plain(part) for part in word.split("/")), 1
    if word not in _COUNTS and words[at : at + 2] not in _ONE_HUNDRED:
        return None, 1
    whole, used = _below_hundred(words, at)
    if words[at + used : at + used + 1] != ("hundred",):
        return str(whole), used
    used += 1 + (words[at + used + 1 : at + used + 2] == ("and",) and words[at + used + 2 : at + used + 3] != ())
    follows = words[at + used : at + used + 1]
    if not follows or follows[0] not in _COUNTS:
        return str(100 * whole), used - (words[at + used - 1] == "and")
    rest, more = _below_hundred(words, at + used)
    return str(100 * whole + rest), used + more


def _below_hundred(words: tuple[str, ...], at: int) -> tuple[int, int]:
    """The number that words tell from here, as far as it is below a hundred, and how many words it takes."""
    tens = _COUNTS.get(words[at], 1)
    rest = [w for w in words[at + 1 : at + 3] if w != "y"][:1]
    ones = _COUNTS.get(rest[0], _ONES.get(rest[0], 10)) if rest else 10
    if tens >= 20 and ones < 10:
        return tens + ones, 2 + (words[at + 1] == "y")
    return tens, 1


def _plain(number: str) -> str:
    """37.90 and 37,9 are one value; a comma before three digits parts thousands."""
    bare = re.sub(r",(?=\d{3}(?:\D|$))", "", number).replace(",", ".")
    return format(Decimal(bare).normalize(), "f") if bare.count(".") <= 1 else bare


def _sides(words: tuple[str, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for at, word in enumerate(words):
        side = _SIDES.get(word)
        if side is None:
            continue
        behind, before = _until_stop(words[at + 1 :]), _until_stop(words[:at][::-1])
        # English puts the side first, Spanish the noun: left knee, rodilla izquierda.
        near = before if word not in {"left", "right"} else behind or before
        found += [(side, stem(each)) for each in near]
        if words[at + 1 : at + 2] == ("side",) or (words[at - 1] in {"the", "lado"} and not behind):
            found.append((side, "side"))
    return found


def _until_stop(words: tuple[str, ...]) -> list[str]:
    """The next words that mean something, up to a mark, another side or an and."""
    kept: list[str] = []
    for word in words[: REACH_WORDS * 2]:
        if word in _SIDES or not word[0].isalnum() or word in {"and", "y"} or len(kept) == REACH_WORDS:
            break
        if word.isalpha() and word not in plain_words():
            kept.append(word)
    return kept
