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
    "Na 134, K 3.2, Cr 1.1 mg/dL, CO2 24 and Hb: 11.2 g/dL": [
        "sodium 134 - 2951-2",
        "potassium 3.2 - 2823-3",
        "creatinine 1.1 mg/dL 2160-0",
        "total carbon dioxide 24 - 2028-9",
        "hemoglobin 11.2 g/dL 718-7",
    ],
    "T 98.6 HR 88 RR 16": [
        "body temperature 98.6 [degF] 8310-5",
        "heart rate 88 /min 8867-4",
        "respiratory rate 16 /min 9279-1",
    ],
    "P 88, R 18. HR 72/min": [
        "heart rate 88 /min 8867-4",
        "respiratory rate 18 /min 9279-1",
        "heart rate 72 /min 8867-4",
    ],
    "SpO2 94-96% and HR 60-70": ["oxygen saturation 94-96 % 2708-6", "heart rate 60-70 /min 8867-4"],
    "Creatinine has risen from 1.1 to 1.9 mg/dL": ["creatinine 1.9 mg/dL 2160-0"],
    "Her last A1c was higher than 9.": ["hemoglobin A1c >9 % 4548-4"],
    "His weight is 197.": ["body weight 197 - 29463-7"],
    "Leucocitos 14.300/mm3, plaquetas 98.000, procalcitonina 0,8 ng/ml": [
        "leukocytes 14300 /mm3 6690-2",
        "platelets 98000 - 777-3",
        "procalcitonin 0.8 ng/mL 33959-8",
    ],
    "Tª 36'5ºC": ["body temperature 36.5 Cel 8310-5"],
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
    "She checks her blood sugar 2 to 3 times a day.",
    "Aumento de peso de 4 kg.",
    "Call if your glucose is running above 300.",
    "Vitamin K 5 mg, a grade 2 P 3 cm mass, the R 5th toe.",
    "A1c 7-15-2021.",
    "Special K, 2 bowls.",
    "weight at age 45",
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
