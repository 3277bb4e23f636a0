"""Quantities of FHIR: the number as the note has it, with the UCUM code of its unit where that is known."""

from __future__ import annotations

from decimal import Decimal

from shared.units import number as number
from shared.units import ucum
from worker.fhir.codes import UCUM
from worker.fhir.elements import Value, element


def quantity(value: Decimal, unit: str | None) -> dict[str, Value]:
    """A Quantity; a unit that is not known stays in words, without a code."""
    code = ucum(unit)
    return element(value=value, unit=unit, system=UCUM if code else None, code=code)
