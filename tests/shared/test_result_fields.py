"""Fields of a result whose value is reckoned, and not taken as it stands in the case."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.case import Attribute, Case, Mention
from shared.job import JobRequest
from shared.result import result


def document(case: Case) -> dict[str, Any]:
    return dict(json.loads(result(case, JobRequest(text=case.text))))


@pytest.mark.parametrize(
    ("value", "unit", "years"), [("45", "a", 45), ("18", "mo", 1), ("6", "mo", 0), ("3", "wk", 0), ("9", "d", 0)]
)
def test_the_age_of_the_patient_is_told_in_completed_years(
    case_of: Callable[..., Case], value: str, unit: str, years: int
):
    said = (Attribute("value", value), Attribute("unit", unit))
    age = Mention("m1", "demographic", 0, len(value), value, concept="age", attributes=said)
    made = document(replace(case_of(f"{value} old."), mentions=(age,)))
    assert made["clinical_summary"]["patient_age"] == years


def test_the_former_dose_is_a_number_as_the_dose_is(case_of: Callable[..., Case]):
    said = (Attribute("dose", "20"), Attribute("previous_dose", "10"), Attribute("unit", "mg"))
    drug = Mention("m1", "medication", 0, 10, "Lisinopril", attributes=said)
    made = document(replace(case_of("Lisinopril from 10 to 20 mg."), mentions=(drug,)))
    assert made["facts"][0]["attrs"] == {"dose": 20, "previous_dose": 10, "unit": "mg"}


def test_a_result_has_no_field_that_its_state_has(case_of: Callable[..., Case]):
    assert "crisis" not in document(case_of("Headache."))
