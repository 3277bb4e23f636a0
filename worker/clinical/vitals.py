"""Vital signs with their numbers, UCUM units and LOINC codes (FHIR R4 vital signs profiles)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from shared.case import Code
from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.quantities import decimal
from worker.clinical.terminology import DATA

LOINC = "http://loinc.org"
NUMBER = r"(\d{1,3}(?:[.,]\d{1,2})?)"
GAP = r"[^\d\n.;?]{0,30}?"
"""What may stand between the name of a vital sign and its number."""
INCHES_A_FOOT = 12
SYSTOLIC = range(60, 301)
LOWEST_DIASTOLIC = 20
FAHRENHEIT_FROM = 80
"""A body temperature above this is in degrees Fahrenheit, one below CELSIUS_TO in degrees Celsius."""
CELSIUS_TO = 46

_PRESSURE = re.compile(
    r"(?<!\w)(?:(?:bp|b/p|blood pressure|ta|t\.a\.?|pa|tas|presion arterial|tension arterial|tension|presion)(?!\w)"
    rf"{GAP})?(?<![\d/.])(\d{{2,3}}) ?(/|over|sobre|on|con|y) ?(\d{{2,3}})(?![\d/])(?: ?(mm ?\[?hg\]?))?"
)
_FEET = re.compile(
    r"(?<!\w)(?:(?:height|ht|talla)(?!\w)[^\d\n.;]{0,15})?"
    r"([4-7]) ?(?:'|ft|feet|foot) ?(\d{1,2})? ?(?:\"|''|inches|inch|in\b)?"
)
_CHANGE = re.compile(
    r"(?:loss|gain|lost|gained|perdida|aumento|decrease|increase|goal|target|above|over|below|less|more|mas|menos)\b"
)
"""Between name and number: not what was measured, but how it changed or should be."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A vital sign with one number."""

    concept: str
    codes: tuple[Code, ...]
    pattern: re.Pattern[str]
    """Name, number, unit."""
    units: dict[str, str]
    """Words for units and their UCUM codes."""
    usual: str | None
    """The unit where the note gives none; None where a number without unit says too little."""
    low: float
    high: float


def vitals(text: str) -> Iterator[Finding]:
    """The vital signs of a reading's text; a finding covers the name, the number and the unit."""
    taken: list[Finding] = []
    found = (*_pressures(text), *(each for sign in _signs() for each in _single(sign, text)), *_feet(text))
    for finding in sorted(found, key=lambda each: each.start):
        if not taken or taken[-1].end <= finding.start:
            taken.append(finding)
            yield finding


@cache
def _signs() -> tuple[Sign, ...]:
    table = tomllib.loads((DATA / "vitals.toml").read_text(encoding="utf-8"))
    signs = []
    for concept, row in table.items():
        units = {word: ucum for ucum, words in row["units"].items() for word in words}
        pattern = re.compile(
            rf"(?<![\w/])(?:{_any(row['names'])})(?!\w){GAP}(?<![\d/.]){NUMBER}(?![\d/]) ?({_any(units)})?(?!\w)"
        )
        codes = tuple(Code(LOINC, code, concept) for code in row["loinc"])
        signs.append(Sign(concept, codes, pattern, units, row.get("usual"), *row["between"]))
    return tuple(signs)


def _any(words: list[str] | dict[str, str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def _pressures(text: str) -> Iterator[Finding]:
    codes = (Code(LOINC, "85354-9", "blood pressure"),)
    for found in _PRESSURE.finditer(text):
        upper, lower = int(found.group(1)), int(found.group(3))
        named, unit = found.start() < found.start(1), found.group(4)
        if upper in SYSTOLIC and LOWEST_DIASTOLIC <= lower < upper and (named or (unit and found.group(2) == "/")):
            traits = (
                Trait("systolic", found.group(1), Stretch(*found.span(1))),
                Trait("diastolic", found.group(3), Stretch(*found.span(3))),
                Trait("unit", "mm[Hg]", Stretch(*found.span(4)) if unit else None),
            )
            yield Finding("vital", found.start(), found.end(), "blood pressure", codes, traits=traits)


def _single(sign: Sign, text: str) -> Iterator[Finding]:
    for found in sign.pattern.finditer(text):
        value = decimal(found.group(1))
        unit = _unit(sign, found.group(2), float(value))
        changed = _CHANGE.search(text, found.start(), found.start(1))
        if unit is None or changed or not sign.low <= float(value) <= sign.high:
            continue
        where = Stretch(*found.span(2)) if found.group(2) else None
        traits = (Trait("value", value, Stretch(*found.span(1))), Trait("unit", unit, where))
        yield Finding(
            "vital", found.start(), (where or Stretch(*found.span(1))).end, sign.concept, sign.codes, traits=traits
        )


def _unit(sign: Sign, word: str | None, value: float) -> str | None:
    """UCUM; a temperature's number tells its unit better than a careless note does."""
    if sign.usual != "Cel":
        return sign.units[word] if word else sign.usual
    if value >= FAHRENHEIT_FROM:
        return "[degF]"
    return "Cel" if value <= CELSIUS_TO else None


def _feet(text: str) -> Iterator[Finding]:
    codes = (Code(LOINC, "8302-2", "body height"),)
    for found in _FEET.finditer(text):
        if found.group(2) is None and found.start() == found.start(1):
            continue
        inches = int(found.group(1)) * INCHES_A_FOOT + int(found.group(2) or 0)
        where = Stretch(found.start(1), found.end())
        traits = (Trait("value", str(inches), where), Trait("unit", "[in_i]", where))
        yield Finding("vital", found.start(), found.end(), "body height", codes, traits=traits)
