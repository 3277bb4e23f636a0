"""Numbers and units as the note has them, in UCUM where the unit is known."""

from __future__ import annotations

import re
from decimal import Decimal

from worker.fhir.codes import UCUM
from worker.fhir.elements import Value, element

UNITS = {
    "mg": "mg", "milligram": "mg", "milligrams": "mg", "miligramos": "mg", "g": "g", "gram": "g", "grams": "g",
    "mcg": "ug", "ug": "ug", "µg": "ug", "μg": "ug", "microgram": "ug", "micrograms": "ug", "ml": "mL",
    "milliliter": "mL", "milliliters": "mL", "iu": "[iU]", "meq": "meq", "mmol": "mmol",
    "tablet": "{tablet}", "tablets": "{tablet}", "tab": "{tablet}", "tabs": "{tablet}",
    "capsule": "{capsule}", "capsules": "{capsule}", "puff": "{puff}", "puffs": "{puff}",
    "drop": "[drp]", "drops": "[drp]", "patch": "{patch}", "patches": "{patch}",
    "mg/kg": "mg/kg", "mg/ml": "mg/mL", "mcg/h": "ug/h", "l/min": "L/min",
    "mmhg": "mm[Hg]", "bpm": "/min", "kg": "kg", "cm": "cm", "m": "m", "lb": "[lb_av]", "lbs": "[lb_av]",
}  # fmt: skip
"""Units as people write them, in small letters, with their UCUM code. "units" is not here: of what, is not said."""
UCUM_UNITS = frozenset(UNITS.values()) | {
    "Cel", "[degF]", "/min", "%", "kg/m2", "[in_i]", "[ft_i]", "[oz_av]", "kPa", "L", "1",
    "mg/dL", "mmol/L", "s", "min", "h", "d", "wk", "mo", "a",
}  # fmt: skip
"""Every UCUM code that a Quantity of ours may carry."""

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")


def number(words: str | None) -> Decimal | None:
    """The number that the words are, with its digits kept; None where they are none or could be read in two ways.

    A comma before three digits may be a thousands mark (1,200) or a decimal one (1,250 in Spanish): nobody can tell.
    """
    if words is None or not _NUMBER.fullmatch(words := words.strip()):
        return None
    if _GROUPED.fullmatch(words) or len(re.findall("[.,]", words)) > 1:
        return None
    return Decimal(words.replace(",", ".").lstrip("+"))


def quantity(value: Decimal, unit: str | None) -> dict[str, Value]:
    """A Quantity; a unit that is not known stays in words, without a code."""
    code = _ucum(unit)
    return element(value=value, unit=unit, system=UCUM if code else None, code=code)


def _ucum(unit: str | None) -> str | None:
    if unit is None or unit in UCUM_UNITS:
        return unit
    return UNITS.get(unit.casefold())
