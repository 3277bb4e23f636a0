"""Vital signs and laboratory values with one number, by their names: value, UCUM unit, LOINC code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import inf
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

_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,7}(?:[.,]\d{1,3}|'\d(?= ?[°º]))?"
_NUMBER = re.compile(
    rf"([^\d\n.;?]{{0,40}}?)(?<![\d/.])({_DIGITS})(?![.,]?\d|[/-]\d{{1,2}}[/-]\d)(?:'?s(?!\w))?"
    rf"(?:(?: ?%)? ?(?:-|to|a) ?({_DIGITS})(?![.,/-]?\d)(?:'?s(?!\w))?)?(?!/?\d)[ -]?"
)
"""What may stand between the name of a measurement and its number, the number, and where a range ends."""
_COMPARED = re.compile(
    r"(?:(?<!\w)(?:is|was|are|were|of|es|fue|era) (?:(higher|greater|more|above|mayor|superior|over)|less|"
    r"lower|below|under|menor|inferior)(?: than| a| de| que)?|(>)|<) ?$"
)
"""Right before the number: what was measured lies beyond it."""
_LINKED = re.compile(r"(?<!\w)(?:from|de|desde) $")
"""Before two numbers: the second is the present one."""
_CHANGE = re.compile(
    r"(?:loss|gain|lost|gained|perdida|aumento|decrease|increase|goal|target|above|over|below|under|less|more|mas|menos|"
    r"greater|than|keep|every|repeat|recheck|objetivo|cada|por debajo|por encima|age|aged|>|<|"
    r"(?:up|down)(?! (?:to|at)(?!\w)))(?!\w)"
)
"""Between name and number: not what was measured, but how it changed, should be, or when it is measured again."""
_MOVED = re.compile(
    r"(?<!\w)(?:lost|lose|loses|losing|gained|gain|gains|gaining|perdido|perdio|ganado|bajado|subido|aumento|perdida|"
    r"ganancia|incremento|disminucion) (?:de )?$"
)
"""Before the name: lost weight, 10 pounds."""
_CLOSE = re.compile(r"[ :=+]{0,4}(?:(?:of|is|was|de|en) )?$")
"""Between a name of one or two letters and its number: K 3.2, Na+: 134, Hb de 11."""
_THOUSANDS = re.compile(r"\d{1,3}\.\d{3}")
"""14.300 cells in a microlitre, as Spanish laboratories write it."""
_NEXT = re.compile(r" ?(?:[,;.|)\n]|$|(?:r|rr|bp|t|temp|o2|spo2|sat|wt)(?!\w))")
"""Behind the number of a name of one letter: P 88, R 18."""
CELLS = frozenset({None, "/uL", "/mm3"})
LETTERS = frozenset({"p", "r"})
SHORT_NAME = 2
_NO_VALUE = re.compile(
    r"(?:(?:to|or|-|a|o) ?\d+ )?"
    r"(?:x|times|veces|hours?|hrs?|h|days?|weeks?|wks?|months?|mos?|years?|yrs?|minutes?|mins?|am|pm|dias?|semanas?|"
    r"mes(?:es)?|anos?|horas?|mg|mcg|g|gm|grams?|tablets?|units|iu|meq|ml|pounds?|lbs?|percent|%|points?|"
    r"st|nd|rd|th)(?!\w)(?! ?[:=]? ?\d)"
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
    bare_from: float
    """The least number that says enough without unit."""
    between: tuple[float, float]
    """What is plausible."""
    capitals: Mapping[str, frozenset[str]]
    """Names that count in these very spellings only, by their small letters: got is a word, GOT an enzyme."""


def measured(reading: Reading) -> Iterator[Finding]:
    """What the reading's text says was measured, from left to right; a finding covers name, number and unit."""
    tokens = [each for each in reading.tokens if each.word != "-"]
    stop = len(reading.text)
    found = []
    for hit in reversed([*_names().find([each.word for each in tokens])]):
        start = tokens[hit.first].start
        end = tokens[hit.last - 1].end
        spellings = hit.value.capitals.get(reading.text[start:end])
        spelt = spellings is None or reading.words(start, end) in spellings
        if spelt and not reading.text.endswith(("/", "-"), 0, start):
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
    bare_from = row.get("bare_from", inf if usual is None else 0)
    by_unit = dict.fromkeys(row["units"], codes)
    return Sign(concept, by_unit, units, _any(units), usual, bare_from, tuple(row["between"]), _capitals(row))


def _laboratory(concept: str, row: Mapping[str, Any]) -> Sign:
    codes = {unit: (Code(LOINC, code, concept),) if code else () for unit, code in row["loinc"].items()}
    units = {word: ucum for word, ucum in (*UNITS.items(), ("%", "%")) if ucum in codes}
    return Sign(concept, codes, units, _any(units), row.get("usual"), 0, tuple(row["between"]), _capitals(row))


def _capitals(row: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    written = [each for each in row["names"] if each != each.lower()]
    return {each.lower(): frozenset(one for one in written if one.lower() == each.lower()) for each in written}


def _any(written: Mapping[str, str]) -> re.Pattern[str]:
    choices = "|".join(sorted(map(re.escape, written), key=len, reverse=True)) or "(?!)"
    return re.compile(rf"({choices})(?!\w)")


def _value(sign: Sign, text: str, start: int, end: int, stop: int) -> Finding | None:
    found = _NUMBER.match(text, end, stop)
    if not found or not _is_said(sign, text, start, found):
        return None
    value, where = _amount(sign, found)
    behind = found.end() if where.end >= found.end(3) else where.end
    written = sign.unit.match(text, behind)
    if not written and not _stands_alone(sign, text, found, behind):
        return None
    if not written and text[start:end] in LETTERS and not _NEXT.match(text, where.end):
        return None
    least = float(decimal(found.group(2)))
    unit = _unit(sign, written.group(1) if written else None, least)
    if (unit is None and least < sign.bare_from) or not sign.between[0] <= least <= sign.between[1]:
        return None
    if "/uL" in sign.codes and unit in CELLS and _THOUSANDS.fullmatch(value):
        value = value.replace(".", "")
    compared = _COMPARED.search(text, end, found.start(2))
    if compared:
        value, where = f"{'>' if compared.lastindex else '<'}{value}", Stretch(compared.start(), where.end)
    traits = [Trait("value", value, where)]
    if unit:
        traits.append(Trait("unit", unit, Stretch(*written.span(1)) if written else None))
    codes = sign.codes.get(unit or "", next(iter(sign.codes.values())))
    return Finding("vital", start, written.end(1) if written else where.end, sign.concept, codes, traits=tuple(traits))


def _is_said(sign: Sign, text: str, start: int, found: re.Match[str]) -> bool:
    """Whether the words before and behind the name let the number be what was measured."""
    end, number = found.start(), found.start(2)
    compared = _COMPARED.search(text, end, number)
    if _MOVED.search(text, max(0, start - 16), start) or _CHANGE.search(
        text, end, compared.start() if compared else number
    ):
        return False
    short = text[start:end] in sign.capitals and end - start <= SHORT_NAME
    return not short or _CLOSE.match(found.group(1)) is not None


def _amount(sign: Sign, found: re.Match[str]) -> tuple[str, Stretch]:
    """The number and its place; both ends of a range; of a change "from 1.1 to 1.9" where it came to."""
    first, last = decimal(found.group(2)), decimal(found.group(3) or "")
    if not last or not sign.between[0] <= float(last) <= sign.between[1]:
        return first, Stretch(*found.span(2))
    if _LINKED.search(found.group(1)):
        return last, Stretch(*found.span(3))
    if float(last) > float(first):
        return f"{first}-{last}", Stretch(found.start(2), found.end(3))
    return first, Stretch(*found.span(2))


def _stands_alone(sign: Sign, text: str, found: re.Match[str], end: int) -> bool:
    """Whether a number without unit, with what belongs to it up to `end`, is the name's and counts nothing else."""
    number = found.start(2)
    glued = text[end - 1].isdigit() and text[end : end + 1].isalpha()
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
