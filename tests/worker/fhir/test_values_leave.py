"""What is measured: each vital sign and laboratory value that the rules can find leaves with its code and unit."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.case import Segment
from shared.terminologies import LOINC, is_code
from shared.units import UCUM_UNITS
from tests.worker.fhir.cases import RECORDING, one, sound
from tests.worker.fhir.test_other_readers import measured
from worker.clinical.facts import facts
from worker.clinical.terminology import DATA

LABS = tomllib.loads((DATA / "laboratory.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LABS)
def test_a_laboratory_value_has_units_that_leave_and_codes_that_check_out(name):
    codes = LABS[name]["loinc"]
    assert [unit for unit in codes if unit not in UCUM_UNITS] == []
    assert [code for code in codes.values() if code and not is_code(LOINC, code)] == []


@pytest.mark.parametrize(
    ("text", "category", "loinc", "value", "unit"),
    [
        ("HbA1c 7.10 %.", "laboratory", "4548-4", "7.10", "%"),
        ("Creatinine 0.90 mg/dL today.", "laboratory", "2160-0", "0.90", "mg/dL"),
        ("Temp 37.90 C.", "vital-signs", "8310-5", "37.90", "Cel"),
        ("Weight 70.50 kg.", "vital-signs", "29463-7", "70.50", "kg"),
        ("Heart rate 88 bpm.", "vital-signs", "8867-4", "88", "/min"),
    ],
)
def test_a_measured_value_goes_from_the_text_into_the_bundle_with_its_digits(
    case_of, text, category, loinc, value, unit
):
    case = replace(case_of(text), mentions=facts(text, "en").mentions)
    found = one(sound(case), "Observation")
    assert found["category"][0]["coding"][0]["code"] == category
    assert found["code"]["coding"][0]["code"] == loinc
    assert str(found["valueQuantity"]["value"]) == value
    assert found["valueQuantity"]["code"] == unit


@pytest.mark.parametrize(
    ("text", "said"),
    [("SpO2 94-96 %.", "94-96 %"), ("A1c was higher than 9.", ">9 %"), ("Weight is 197.", "Weight is 197")],
)
def test_what_is_no_single_number_with_a_known_unit_goes_out_in_words(case_of, text, said):
    case = replace(case_of(text), mentions=facts(text, "en").mentions)
    found = one(sound(case), "Observation")
    assert (found["valueString"], "valueQuantity" in found) == (said, False)


def test_laboratory_values_have_a_section_of_their_own(note):
    sections = one(sound(measured(note)), "Composition")["section"]
    assert {each["title"]: len(each["entry"]) for each in sections} == {
        "Results": 2,
        "Allergies": 1,
        "Family history": 1,
    }


def test_an_allergy_has_its_reaction_and_a_relatives_illness_its_onset(note):
    built = sound(measured(note))
    (reaction,) = one(built, "AllergyIntolerance")["reaction"]
    assert reaction == {"manifestation": [{"text": "hives"}], "severity": "severe"}
    (gout,) = one(built, "FamilyMemberHistory")["condition"]
    assert (gout["onsetAge"]["value"], gout["onsetAge"]["code"]) == (Decimal(61), "a")


def test_a_consultation_that_was_recorded_is_a_consult_note(note):
    recorded = replace(note, origin=replace(note.origin, audio=RECORDING), segments=(Segment(0, 5, 0.0, 1.0),))
    assert one(sound(recorded), "Composition")["type"]["coding"][0]["code"] == "11488-4"
