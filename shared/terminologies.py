"""The terminologies that name what a note says, and what their codes look like."""

from __future__ import annotations

import re
from collections.abc import Mapping

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
HPO = "http://human-phenotype-ontology.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"

CLINICAL = {
    ICD10CM: re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?"),
    HPO: re.compile(r"HP:\d{7}"),
    RXNORM: re.compile(r"[1-9]\d{0,7}"),
    LOINC: re.compile(r"\d{1,7}-\d"),
}
"""What clinq codes with, by the form of the codes. SNOMED CT is not among them: its use is licensed by country."""
LICENSED = {SNOMED: re.compile(r"[1-9]\d{5,17}")}
"""What leaves only where an operator's setting says that they may use it."""

# Verhoeff's tables: multiplication and one permutation of the dihedral group of order 10.
_TIMES = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_MOVED = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def is_code(system: str, code: str, systems: Mapping[str, re.Pattern[str]] = CLINICAL) -> bool:
    """Whether the system is among these and the code has its form, the check digit of LOINC and SNOMED CT included."""
    form = systems.get(system)
    if form is None or form.fullmatch(code) is None:
        return False
    if system == LOINC:
        return _loinc_checks_out(code)
    return system != SNOMED or _verhoeff(code)


def _loinc_checks_out(code: str) -> bool:
    """LOINC's check digit, mod 10 as in its Users' Guide, appendix C: from the right, every other digit doubled."""
    digits, check = code.split("-")
    doubled = sum(sum(divmod(2 * int(each), 10)) for each in digits[::-2])
    return (doubled + sum(int(each) for each in digits[-2::-2])) % 10 == (10 - int(check)) % 10


def _verhoeff(code: str) -> bool:
    """The check digit of a SNOMED CT identifier (Verhoeff 1969; SNOMED CT Release File Specifications, 6.7)."""
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_TIMES[check][int(_MOVED[place % len(_MOVED)][int(digit)])])
    return check == 0
