"""Numbers and units as notes have them: exact decimals, and the UCUM code of a unit where it is known."""

from __future__ import annotations

import re
from decimal import Decimal

UNITS = {
    "mg": "mg", "milligram": "mg", "milligrams": "mg", "miligramos": "mg", "g": "g", "gram": "g", "grams": "g",
    "mcg": "ug", "ug": "ug", "µg": "ug", "μg": "ug", "microgram": "ug", "micrograms": "ug", "ml": "mL",
    "milliliter": "mL", "milliliters": "mL", "iu": "[iU]", "meq": "meq", "mmol": "mmol",
    "tablet": "{tablet}", "tablets": "{tablet}", "tab": "{tablet}", "tabs": "{tablet}",
    "capsule": "{capsule}", "capsules": "{capsule}", "puff": "{puff}", "puffs": "{puff}",
    "drop": "[drp]", "drops": "[drp]", "patch": "{patch}", "patches": "{patch}",
    "mg/kg": "mg/kg", "mg/ml": "mg/mL", "mcg/h": "ug/h", "l/min": "L/min",
    "mmhg": "mm[Hg]", "bpm": "/min", "kg": "kg", "cm": "cm", "m": "m", "lb": "[lb_av]", "lbs": "[lb_av]",
    "percent": "%", "gm/dl": "g/dL", "mcg/dl": "ug/dL", "µg/dl": "ug/dL", "mcg/l": "ug/L", "µg/l": "ug/L",
    "µmol/l": "umol/L", "iu/l": "[iU]/L", "ui/l": "[iU]/L", "mui/l": "m[iU]/L", "mui/ml": "m[iU]/mL",
    "uui/ml": "u[iU]/mL", "µui/ml": "u[iU]/mL", "10e3/ul": "10*3/uL", "x10e3/ul": "10*3/uL", "10e9/l": "10*9/L",
    "x10e9/l": "10*9/L", "miu/l": "m[iU]/L", "miu/ml": "m[iU]/mL", "uiu/ml": "u[iU]/mL",
    "k/ul": "10*3/uL", "k/µl": "10*3/uL", "10^3/ul": "10*3/uL", "x10^3/ul": "10*3/uL", "m/ul": "10*6/uL",
    "10^6/ul": "10*6/uL", "10^9/l": "10*9/L", "x10^9/l": "10*9/L", "10^12/l": "10*12/L", "mm/hr": "mm/h",
    "ml/min/1.73m2": "mL/min/{1.73_m2}", "ml/min/1.73 m2": "mL/min/{1.73_m2}",
}  # fmt: skip
"""Units as people write them, in small letters, with their UCUM code. "units" is not here: of what, is not said."""
LABORATORY = (
    "mg/dL", "g/dL", "g/L", "mg/L", "ug/dL", "ug/L", "ng/mL", "ng/dL", "ng/L", "pg/mL", "mmol/L", "umol/L", "nmol/L",
    "pmol/L", "mmol/mol", "meq/L", "U/L", "mU/L", "/uL", "/mm3", "fL", "pg", "mm/h", "mL/min",
)  # fmt: skip
"""Units of laboratories that are written as UCUM has them, but for capitals."""
UNITS |= {each.lower(): each for each in LABORATORY}
UCUM_UNITS = frozenset(UNITS.values()) | {
    "Cel", "[degF]", "/min", "%", "kg/m2", "[in_i]", "[ft_i]", "[oz_av]", "kPa", "L", "1",
    "s", "min", "h", "d", "wk", "mo", "a",
}  # fmt: skip
"""Every UCUM code that a Quantity of ours may carry."""

VITAL_UNITS = {
    code: frozenset(units.split())
    for code, units in {
        "85354-9": "mm[Hg]", "8310-5": "Cel [degF]", "8867-4": "/min", "9279-1": "/min", "2708-6": "%", "59408-5": "%",
        "29463-7": "kg [lb_av] g", "8302-2": "cm [in_i] m", "39156-5": "kg/m2",
    }.items()
}  # fmt: skip
"""By the LOINC code of a vital sign, the units in which its value is sent with a code (FHIR R4, Vital Signs)."""

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


def ucum(unit: str | None) -> str | None:
    """The UCUM code of a unit as people write it; None where it is not known."""
    if unit is None or unit in UCUM_UNITS:
        return unit
    return UNITS.get(unit.casefold())
