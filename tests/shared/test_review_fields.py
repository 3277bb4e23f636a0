"""What can be corrected of a fact is what it has, in a unit that it is measured in; the answer says which."""

from __future__ import annotations

from typing import Any

import pytest

from shared.review.asked import Correction, misfit

PULSE = {
    "kind": "vital",
    "experiencer": "patient",
    "codes": [{"system": "http://loinc.org", "code": "8867-4"}],
    "attrs": {"value": 98},
}
PRESSURE = {**PULSE, "codes": [{"system": "http://loinc.org", "code": "85354-9"}], "attrs": {"systolic": 150}}
LAB = {**PULSE, "codes": [{"system": "http://loinc.org", "code": "4548-4"}], "attrs": {"value": 8.2}}


@pytest.mark.parametrize(
    ("fact", "said", "field"),
    [
        (PULSE, {"value": "101", "unit": "bpm"}, None),
        (PULSE, {"systolic": "120"}, "systolic"),
        (PULSE, {"unit": "kg"}, "unit"),
        (PRESSURE, {"systolic": "120"}, None),
        (PRESSURE, {"diastolic": "80"}, "diastolic"),
        (PRESSURE, {"value": "120/80"}, "value"),
        (LAB, {"unit": "mmol/mol"}, None),
    ],
)
def test_a_correction_fits_its_fact(fact: dict[str, Any], said: dict[str, str], field: str | None) -> None:
    odd = misfit(Correction(fact_id="m1", **said), fact)
    assert (odd and odd[0]) == field


def test_the_answer_says_what_would_fit() -> None:
    odd = misfit(Correction(fact_id="m1", unit="kg"), PULSE)
    assert odd == ("unit", "this vital sign is measured in: /min")
    odd = misfit(Correction(fact_id="m1", value="1"), PRESSURE)
    assert odd == ("value", "this fact has no such field: it has codes, systolic, text")
