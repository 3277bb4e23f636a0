"""What was measured, with UCUM units and LOINC codes: two numbers here, one number in measured.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from shared.case import Code
from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.measured import LOINC, measured
from worker.clinical.reading import Reading

GAP = r"[^\d\n.;?]{0,30}?"
"""What may stand between the name of a vital sign and its number."""
INCHES_A_FOOT = 12
SYSTOLIC = range(60, 301)
SAID_SYSTOLIC, SAID_DIASTOLIC = range(80, 261), range(40, 151)
"""Where "160 over 95" means a blood pressure although nothing names it."""
LOWEST_DIASTOLIC = 20
OUNCES_A_POUND = 16

_PRESSURE = re.compile(
    r"(?<!\w)(?:(?:bp|b/p|blood pressure|ta|t\.a\.?|pa|tas|presion arterial|tension arterial|tension|presion)(?!\w)"
    rf"{GAP})?(?<![\d/.])(\d{{2,3}}) ?(/|over|sobre|on|con|y) ?(\d{{2,3}})(?![\d/])(?: ?(mm ?\[?hg\]?))?"
)
_APART = re.compile(
    r"(?<!\w)tas[ :=]{0,3}(\d{2,3})(?: ?mm ?hg)?([ ,;/y-]{1,4})tad[ :=]{0,3}(\d{2,3})(?![\d/])(?: ?(mm ?hg))?"
)
"""Spanish: TAS 150, TAD 90."""
_FEET = re.compile(
    r"(?<!\w)(?:(?:height|ht|talla)(?!\w)[^\d\n.;]{0,15})?"
    r"([4-7]) ?(?:'|ft|feet|foot) ?(\d{1,2})? ?(?:\"|''|inches|inch|in\b)?"
)
_POUNDS = re.compile(
    r"(?<!\w)(?:(?:birth ?weight|weight|wt|weighed|weighs|weighing)(?!\w)[^\d\n.;]{0,15})?"
    r"(\d{1,3}) ?(?:lbs?|pounds?)[ ,]{0,2}(?:and )?(\d{1,2}) ?(?:oz|ounces?)(?!\w)"
)


def vitals(reading: Reading) -> Iterator[Finding]:
    """The measurements of a reading's text; a finding covers the name, the number and the unit."""
    text = reading.text
    taken: list[Finding] = []
    found = (*_pressures(text), *_pounds(text), *measured(reading), *_feet(text))
    for finding in sorted(found, key=lambda each: each.start):
        if not taken or taken[-1].end <= finding.start:
            taken.append(finding)
            yield finding


def _pressures(text: str) -> Iterator[Finding]:
    codes = (Code(LOINC, "85354-9", "blood pressure"),)
    for found in (*_PRESSURE.finditer(text), *_APART.finditer(text)):
        upper, lower = int(found.group(1)), int(found.group(3))
        named, unit = found.start() < found.start(1), found.group(4)
        said = found.group(2) in {"over", "sobre"} and upper in SAID_SYSTOLIC and lower in SAID_DIASTOLIC
        sure = named or said or (unit and found.group(2) == "/")
        if upper in SYSTOLIC and LOWEST_DIASTOLIC <= lower < upper and sure:
            traits = (
                Trait("systolic", found.group(1), Stretch(*found.span(1))),
                Trait("diastolic", found.group(3), Stretch(*found.span(3))),
                Trait("unit", "mm[Hg]", Stretch(*found.span(4)) if unit else None),
            )
            yield Finding("vital", found.start(), found.end(), "blood pressure", codes, traits=traits)


def _pounds(text: str) -> Iterator[Finding]:
    """4 pounds 8 ounces: in pounds, exactly."""
    codes = (Code(LOINC, "29463-7", "body weight"),)
    for found in _POUNDS.finditer(text):
        pounds = Decimal(found.group(1)) + Decimal(found.group(2)) / OUNCES_A_POUND
        where = Stretch(found.start(1), found.end())
        traits = (Trait("value", f"{pounds.normalize():f}", where), Trait("unit", "[lb_av]", where))
        yield Finding("vital", found.start(), found.end(), "body weight", codes, traits=traits)


def _feet(text: str) -> Iterator[Finding]:
    codes = (Code(LOINC, "8302-2", "body height"),)
    for found in _FEET.finditer(text):
        if found.group(2) is None and found.start() == found.start(1):
            continue
        inches = int(found.group(1)) * INCHES_A_FOOT + int(found.group(2) or 0)
        where = Stretch(found.start(1), found.end())
        traits = (Trait("value", str(inches), where), Trait("unit", "[in_i]", where))
        yield Finding("vital", found.start(), found.end(), "body height", codes, traits=traits)
