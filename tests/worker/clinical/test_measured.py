"""Vital signs and laboratory values: the number as written, its UCUM unit, its LOINC code, and nothing else."""

import pytest

from worker.clinical.measured import _names
from worker.clinical.reading import read
from worker.clinical.vitals import vitals
from worker.fhir.codes import CLINICAL, is_code

MEASURED = {
    "Hemoglobin A1c is elevated at 8.1 %.": ["hemoglobin A1c 8.1 % 4548-4"],
    "A1C 7.2, creatinine 1.10 mg/dL, BUN 18 and eGFR 58 mL/min.": [
        "hemoglobin A1c 7.2 % 4548-4",
        "creatinine 1.10 mg/dL 2160-0",
        "blood urea nitrogen 18 - 3094-0",
        "glomerular filtration rate 58 mL/min 69405-9",
    ],
    "WBC 12,500 /uL, platelets 250 K/uL, Hgb 9.8 g/dL.": [
        "leukocytes 12500 /uL 6690-2",
        "platelets 250 10*3/uL 777-3",
        "hemoglobin 9.8 g/dL 718-7",
    ],
    "LDL 153 mg/dL, HDL 44 mg/dL, total cholesterol 222 mg/dL": [
        "LDL cholesterol 153 mg/dL 2089-1",
        "HDL cholesterol 44 mg/dL 2085-9",
        "cholesterol 222 mg/dL 2093-3",
    ],
    "Glucemia 126 mg/dl, creatinina 1,1 mg/dl y GOT 45 U/L.": [
        "glucose 126 mg/dL 2345-7",
        "creatinine 1.1 mg/dL 2160-0",
        "aspartate aminotransferase 45 U/L 1920-8",
    ],
    "Blood glucose 7.8 mmol/L": ["glucose 7.8 mmol/L 14749-6"],
    "His blood sugars are running in the 120s.": ["glucose 120 - 2345-7"],
    "A preserved ejection fraction of 55%.": ["left ventricular ejection fraction 55 % 10230-1"],
    "She weighed 4 pounds 8 ounces at birth.": ["body weight 4.5 [lb_av] 29463-7"],
    "Temp normal, HR 88, SpO2 97 % on room air": ["heart rate 88 /min 8867-4", "oxygen saturation 97 % 2708-6"],
    "INR 2.3 today, TSH 4.5 mIU/L.": ["INR 2.3 1 6301-6", "thyrotropin 4.5 m[iU]/L 3016-3"],
}
NOT_MEASURED = [
    "Repeat hemoglobin A1c in 6 months.",
    "We want to keep his hemoglobin A1c below 7.",
    "Check your blood sugar 3 times a day.",
    "He got 20 pills, calcium 600 mg and vitamin D 1000 units.",
    "Recheck CBC, ferritin, B-12 and folate.",
    "He lost weight: 10 pounds.",
    "Check your glucose on the 3rd day.",
]


def shown(text: str, language: str = "en") -> list[str]:
    found = vitals(read(text, language))
    return [
        f"{each.concept} {each.trait('value')} {each.trait('unit') or '-'} {each.codes[0].code}"
        for each in found
        if each.concept != "blood pressure"
    ]


@pytest.mark.parametrize(("text", "expected"), MEASURED.items())
def test_what_was_measured_is_read_exactly(text: str, expected: list[str]) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize("text", NOT_MEASURED)
def test_a_number_that_was_not_measured_is_none(text: str) -> None:
    assert shown(text) == []


def test_every_measurement_has_codes_of_the_right_form() -> None:
    signs = {id(each): each for each in _names()._table.values()}.values()
    codes = [code for sign in signs for of_unit in sign.codes.values() for code in of_unit]
    assert len(codes) > 50
    assert [each.code for each in codes if not is_code(each.system, each.code, CLINICAL)] == []
