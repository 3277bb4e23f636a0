"""Vital signs and laboratory values with one number, by their names: value, UCUM unit, LOINC code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.case import Code
from shared.units import UNITS
from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.phrases import Phrases
from worker.clinical.quantities import decimal
from worker.clinical.reading import Reading
from worker.clinical.terminology import DATA
from worker.clinical.tokens import words

LOINC = "http://loinc.org"
FAHRENHEIT_FROM = 80
"""A body temperature above this is in degrees Fahrenheit, one below CELSIUS_TO in degrees Celsius."""
CELSIUS_TO = 46

_NUMBER = re.compile(
    r"([^\d\n.;?]{0,40}?)(?<![\d/.])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,7}(?:[.,]\d{1,3})?)(?:'?s(?!\w))?(?![\d/])[ -]?"
)
"""What may stand between the name of a measurement and its number, and the number."""
_CHANGE = re.compile(
    r"(?:loss|gain|lost|gained|perdida|aumento|decrease|increase|goal|target|above|over|below|under|less|more|mas|menos|"
    r"greater|than|keep|every|repeat|recheck|objetivo|cada|por debajo|por encima|>|<)(?!\w)"
)
"""Between name and number: not what was measured, but how it changed, should be, or when it is measured again."""
_MOVED = re.compile(
    r"(?<!\w)(?:lost|lose|loses|losing|gained|gain|gains|gaining|perdido|perdio|ganado|bajado|subido) (?:de )?$"
)
"""Before the name: lost weight, 10 pounds."""
_NO_VALUE = re.compile(
    r"(?:x|times|veces|hours?|hrs?|h|days?|weeks?|wks?|months?|mos?|years?|yrs?|minutes?|mins?|am|pm|dias?|semanas?|"
    r"mes(?:es)?|anos?|horas?|mg|mcg|g|gm|grams?|tablets?|units|iu|meq|ml|pounds?|lbs?|percent|%|points?|"
    r"st|nd|rd|th)(?!\w)"
)
"""Behind a number without a unit of its measurement: it counts something else."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that is measured with one number."""

    concept: str
    codes: Mapping[str, tuple[Code, ...]]
    """By UCUM unit; the first also stands where no unit is given."""
    units: Mapping[str, str]
    """Words for units and their UCUM codes."""
    unit: re.Pattern[str]
    usual: str | None
    bare: bool
    """Whether a number without unit says enough."""
    between: tuple[float, float]
    """What is plausible."""
    capitals: frozenset[str]
    """Names that count in capitals only, in small letters: got is a word, GOT an enzyme."""


def measured(reading: Reading) -> Iterator[Finding]:
    """What the reading's text says was measured, from left to right; a finding covers name, number and unit."""
    tokens = [each for each in reading.tokens if each.word != "-"]
    stop = len(reading.text)
    found = []
    for hit in reversed([*_names().find([each.word for each in tokens])]):
        start = tokens[hit.first].start
        end = tokens[hit.last - 1].end
        in_small = reading.text[start:end] in hit.value.capitals and not reading.words(start, end).isupper()
        if not in_small and not reading.text.endswith(("/", "-"), 0, start):
            found.append(_value(hit.value, reading.text, start, end, stop))
            stop = start
    yield from (each for each in reversed(found) if each)


@cache
def _names() -> Phrases[Sign]:
    table: dict[str, Sign] = {}
    for name in ("vitals.toml", "laboratory.toml"):
        for concept, row in tomllib.loads((DATA / name).read_text(encoding="utf-8")).items():
            sign = _vital(concept, row) if "units" in row else _laboratory(concept, row)
            for each in row["names"]:
                table.setdefault(" ".join(word for word in words(each.lower()) if word != "-"), sign)
    return Phrases(table)


def _vital(concept: str, row: Mapping[str, Any]) -> Sign:
    units = {word: ucum for ucum, written in row["units"].items() for word in written}
    codes = tuple(Code(LOINC, code, concept) for code in row["loinc"])
    usual = row.get("usual")
    by_unit = dict.fromkeys(row["units"], codes)
    return Sign(concept, by_unit, units, _any(units), usual, usual is not None, tuple(row["between"]), _capitals(row))


def _laboratory(concept: str, row: Mapping[str, Any]) -> Sign:
    codes = {unit: (Code(LOINC, code, concept),) for unit, code in row["loinc"].items()}
    units = {word: ucum for word, ucum in (*UNITS.items(), ("%", "%")) if ucum in codes}
    return Sign(concept, codes, units, _any(units), row.get("usual"), True, tuple(row["between"]), _capitals(row))


def _capitals(row: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(each.lower() for each in row["names"] if each.isupper())


def _any(written: Mapping[str, str]) -> re.Pattern[str]:
    choices = "|".join(sorted(map(re.escape, written), key=len, reverse=True)) or "(?!)"
    return re.compile(rf"({choices})(?!\w)")


def _value(sign: Sign, text: str, start: int, end: int, stop: int) -> Finding | None:
    found = _NUMBER.match(text, end, stop)
    if not found or _CHANGE.search(text, end, found.start(2)) or _MOVED.search(text, max(0, start - 12), start):
        return None
    written = sign.unit.match(text, found.end())
    if not written and not _stands_alone(sign, text, found):
        return None
    value = decimal(found.group(2))
    unit = _unit(sign, written.group(1) if written else None, float(value))
    if (unit is None and not sign.bare) or not sign.between[0] <= float(value) <= sign.between[1]:
        return None
    traits = [Trait("value", value, Stretch(*found.span(2)))]
    if unit:
        traits.append(Trait("unit", unit, Stretch(*written.span(1)) if written else None))
    codes = sign.codes.get(unit or "", next(iter(sign.codes.values())))
    last = written.end(1) if written else found.end(2)
    return Finding("vital", start, last, sign.concept, codes, traits=tuple(traits))


def _stands_alone(sign: Sign, text: str, found: re.Match[str]) -> bool:
    """Whether a number without unit belongs to the name before it and counts nothing else."""
    number, end = found.start(2), found.end()
    glued = end == found.end(2) and text[end : end + 1].isalpha()
    part_of_word = text[number - 1] == "-" and text[number - 2].isalpha() and number - 1 > found.start()
    listed = sign.usual is None and "," in found.group(1)
    return not (glued or part_of_word or listed or _NO_VALUE.match(text, end))


def _unit(sign: Sign, word: str | None, value: float) -> str | None:
    """UCUM; a temperature's number tells its unit better than a careless note does."""
    if sign.usual != "Cel":
        return sign.units[word] if word else sign.usual
    if value >= FAHRENHEIT_FROM:
        return "[degF]"
    return "Cel" if value <= CELSIUS_TO else None
