"""How the sense in which something is said decides what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.case import Attribute, Case, Code
from tests.worker.fhir.cases import ICD, evidence, mention, one, resources, sound
from worker.fhir.bundle import transaction


@pytest.fixture
def built(case_of):
    """The bundle of a text and its mentions."""

    def make(text: str, *mentions):
        return sound(replace(case_of(text), mentions=mentions))

    return make


def codes(resource: dict, name: str) -> list[str]:
    return [each["code"] for each in resource[name]["coding"]] if name in resource else []


@pytest.mark.parametrize(
    ("sense", "clinical", "verification"),
    [
        ({}, ["active"], ["unconfirmed"]),
        ({"assertion": "possible"}, ["active"], ["provisional"]),
        ({"assertion": "absent"}, [], ["refuted"]),
        ({"temporality": "past"}, ["inactive"], ["unconfirmed"]),
    ],
)
def test_a_condition_has_the_status_that_its_sense_gives_it(built, sense, clinical, verification):
    text = "about asthma"
    asthma = one(built(text, mention(text, "condition", "asthma", **sense)), "Condition")
    assert codes(asthma, "clinicalStatus") == clinical
    assert codes(asthma, "verificationStatus") == verification


def test_a_condition_that_the_text_calls_resolved_is_resolved(built):
    text = "asthma, resolved"
    said = {"status": ("resolved", "resolved")}
    asthma = one(built(text, mention(text, "condition", "asthma", said, temporality="past")), "Condition")
    assert codes(asthma, "clinicalStatus") == ["resolved"]


@pytest.mark.parametrize(
    ("kind", "sense"),
    [
        ("condition", {"assertion": "hypothetical"}),
        ("condition", {"temporality": "planned"}),
        ("condition", {"experiencer": "other"}),
        ("symptom", {"assertion": "hypothetical"}),
        ("symptom", {"experiencer": "other"}),
        ("medication", {"assertion": "hypothetical"}),
        ("procedure", {"temporality": "planned"}),
        ("procedure", {"assertion": "absent"}),
        ("procedure", {"assertion": "possible"}),
        ("procedure", {"experiencer": "family"}),
        ("vital", {"assertion": "hypothetical"}),
        ("condition", {"experiencer": "family", "assertion": "absent", "relation": "mother"}),
    ],
)
def test_what_is_not_said_of_the_patient_now_or_then_becomes_nothing(built, kind, sense):
    text = "something here"
    found = built(text, mention(text, kind, "something", {"value": ("1", None)}, **sense))
    facts = {"Condition", "Observation", "MedicationStatement", "Procedure", "FamilyMemberHistory"}
    assert not facts & {each["resource"]["resourceType"] for each in found["entry"]}


def test_a_possible_symptom_is_neither_true_nor_false(built):
    text = "maybe dizziness"
    dizziness = one(built(text, mention(text, "symptom", "dizziness", assertion="possible")), "Observation")
    assert dizziness["valueCodeableConcept"] == {"text": "possible"}


def test_a_past_symptom_has_no_date_and_says_so(built):
    text = "had a cough"
    cough = one(built(text, mention(text, "symptom", "cough", temporality="past")), "Observation")
    assert "effectiveDateTime" not in cough
    assert cough["note"] == [{"text": "The source speaks of the past."}]


@pytest.mark.parametrize(
    ("sense", "said", "status"),
    [
        ({}, None, "active"),
        ({"temporality": "past"}, None, "completed"),
        ({"temporality": "past"}, {"status": ("stopped", None)}, "stopped"),
        ({"temporality": "planned"}, None, "intended"),
        ({"assertion": "absent"}, {"status": ("active", None)}, "not-taken"),
        ({"assertion": "possible"}, None, "unknown"),
    ],
)
def test_a_medication_has_the_status_that_its_sense_gives_it(built, sense, said, status):
    text = "about aspirin"
    aspirin = one(built(text, mention(text, "medication", "aspirin", said, **sense)), "MedicationStatement")
    assert aspirin["status"] == status
    assert ("dosage" in aspirin) == (status != "not-taken")


def test_a_medication_without_a_dosage_says_that_none_is_stated(built):
    text = "about aspirin"
    aspirin = one(built(text, mention(text, "medication", "aspirin")), "MedicationStatement")
    assert aspirin["dosage"] == [{"text": "dosage not stated in the source"}]


@pytest.mark.parametrize("assertion", ["present", "absent"])
def test_no_known_allergies_is_a_statement_of_its_own(built, assertion):
    text = "NKDA"
    stated = mention(text, "allergy", "NKDA", concept="no known drug allergies", assertion=assertion)
    allergy = one(built(text, stated), "AllergyIntolerance")
    assert codes(allergy, "verificationStatus") == ["unconfirmed"]
    assert codes(allergy, "code") == ["no-known-medication-allergies"]
    assert allergy["code"]["text"] == "NKDA"


def test_a_denied_allergy_is_refuted_and_inactive(built):
    text = "not allergic to latex"
    allergy = one(built(text, mention(text, "allergy", "latex", assertion="absent")), "AllergyIntolerance")
    assert codes(allergy, "verificationStatus") == ["refuted"]
    assert codes(allergy, "clinicalStatus") == ["inactive"]


def test_an_allergy_has_each_reaction_once(built):
    text = "penicillin: hives and wheeze, hives again"
    stated = mention(text, "allergy", "penicillin", {"reaction": ("hives", "hives")})
    more = (Attribute("reaction", "wheeze"), Attribute("reaction", "Hives"))
    allergy = one(built(text, replace(stated, attributes=(*stated.attributes, *more))), "AllergyIntolerance")
    assert allergy["reaction"] == [{"manifestation": [{"text": "hives"}, {"text": "wheeze"}]}]


def test_one_relative_has_one_history_with_all_that_is_said_of_them(built):
    text = "mother: asthma at 30, gout. uncle: angina. in-law: measles"
    relative = {"experiencer": "family", "relation": "mother"}
    first = mention(text, "condition", "asthma", {"onset_age": ("30", "30")}, **relative)
    found = built(
        text,
        first,
        mention(text, "condition", "gout", **relative, assertion="possible"),
        mention(text, "condition", "angina", experiencer="family", relation="maternal uncle"),
        mention(text, "condition", "measles", experiencer="family", relation="in-law"),
    )
    mother, uncle, other = resources(found, "FamilyMemberHistory")
    assert [each["code"]["text"] for each in mother["condition"]] == ["asthma", "gout"]
    assert mother["condition"][0]["onsetAge"]["value"] == 30
    assert mother["condition"][1]["note"] == [{"text": "The source calls it possible."}]
    assert codes(uncle, "relationship") == ["MUNCLE"]
    assert codes(other, "relationship") == ["FAMMEMB"]
    assert other["relationship"]["text"] == "in-law"
    assert resources(found, "Condition") == []


def test_the_same_thing_said_twice_is_one_resource_with_both_places(case_of):
    text = "Cough. Later again: coughing."
    case = replace(
        case_of(text),
        mentions=(
            mention(text, "symptom", "coughing", concept="cough"),
            mention(text, "symptom", "Cough", concept="cough"),
        ),
    )
    cough = one(sound(case), "Observation")
    assert cough["code"]["text"] == "Cough"
    assert evidence(case, cough) == ["Cough", "coughing"]


def test_the_same_thing_in_another_sense_is_another_resource(built):
    text = "no cough. had a cough in May"
    now = mention(text, "symptom", "cough", assertion="absent")
    then = replace(now, start=16, end=21, assertion="present", temporality="past", id="then")
    assert [each["valueBoolean"] for each in resources(built(text, now, then), "Observation")] == [False, True]


def test_two_doses_of_one_drug_are_two_statements(built):
    text = "aspirin 100 mg, then aspirin 300 mg"
    first = mention(text, "medication", "aspirin", {"dose": ("100", "100 mg"), "unit": ("mg", None)})
    second = replace(first, id="b", start=21, end=28, attributes=(Attribute("dose", "300"), Attribute("unit", "mg")))
    doses = [
        each["dosage"][0]["doseAndRate"][0]["doseQuantity"]["value"]
        for each in resources(built(text, first, second), "MedicationStatement")
    ]
    assert doses == [100, 300]


def test_a_mention_that_adds_an_attribute_belongs_to_the_same_finding(built):
    text = "headache, a severe headache"
    plain = mention(text, "symptom", "headache")
    severe = replace(plain, id="b", start=19, end=27, attributes=(Attribute("severity", "severe"),))
    headache = one(built(text, plain, severe), "Observation")
    assert headache["component"][0]["valueCodeableConcept"]["text"] == "severe"


def test_a_procedure_that_was_done_is_completed(built):
    text = "appendectomy in 2010"
    done = one(built(text, mention(text, "procedure", "appendectomy", temporality="past")), "Procedure")
    assert done["status"] == "completed"


@pytest.mark.parametrize(
    ("words", "concept", "sense", "value"),
    [
        ("smokes daily", "smoking", {}, {"valueString": "smokes daily"}),
        ("alcohol", "alcohol use", {"assertion": "absent"}, {"valueBoolean": False}),
    ],
)
def test_a_habit_is_social_history_in_the_words_of_the_note(built, words, concept, sense, value):
    habit = one(built(words, mention(words, "social", words, concept=concept, **sense)), "Observation")
    assert habit["category"][0]["coding"][0]["code"] == "social-history"
    assert {name: habit[name] for name in value} == value


@pytest.mark.parametrize(
    ("concept", "said", "loinc", "value", "unit"),
    [
        ("temperature", {"value": ("37.90", None), "unit": ("Cel", None)}, ["8310-5"], "37.90", "Cel"),
        ("temperature", {"value": ("100.4", None), "unit": ("[degF]", None)}, ["8310-5"], "100.4", "[degF]"),
        ("heart rate", {"value": ("96", None)}, ["8867-4"], "96", "/min"),
        ("respiratory rate", {"value": ("18", None), "unit": ("/min", None)}, ["9279-1"], "18", "/min"),
        ("oxygen saturation", {"value": ("95", None), "unit": ("%", None)}, ["2708-6", "59408-5"], "95", "%"),
        ("weight", {"value": ("82,5", None), "unit": ("kg", None)}, ["29463-7"], "82.5", "kg"),
        ("height", {"value": ("70", None), "unit": ("[in_i]", None)}, ["8302-2"], "70", "[in_i]"),
        ("body mass index", {"value": ("27.1", None), "unit": ("kg/m2", None)}, ["39156-5"], "27.1", "kg/m2"),
    ],
)
def test_a_vital_sign_has_its_loinc_code_and_its_unit(built, concept, said, loinc, value, unit):
    vital = one(built("measured", mention("measured", "vital", "measured", said, concept=concept)), "Observation")
    assert codes(vital, "code") == loinc
    assert str(vital["valueQuantity"]["value"]) == value
    assert vital["valueQuantity"]["code"] == unit


def test_a_vital_sign_in_a_unit_that_cannot_be_is_left_in_words(built):
    said = {"value": ("37", None), "unit": ("kg", None)}
    vital = one(
        built("Temp 37 kg", mention("Temp 37 kg", "vital", "Temp 37 kg", said, concept="temperature")), "Observation"
    )
    assert vital["valueString"] == "Temp 37 kg"


def test_a_code_that_may_not_leave_or_has_not_its_form_is_dropped(built):
    text = "asthma"
    given = (Code("http://snomed.info/sct", "195967001", "Asthma"), Code(ICD, "J45-909", "Asthma"))
    asthma = one(built(text, mention(text, "condition", "asthma", codes=given)), "Condition")
    assert asthma["code"] == {"text": "asthma"}


def test_genders_that_contradict_each_other_are_none(case_of):
    text = "man, woman"
    stated = [
        mention(text, "demographic", "man", {"value": ("male", None)}, concept="gender"),
        mention(text, "demographic", "woman", {"value": ("female", None)}, concept="gender"),
    ]
    case: Case = replace(case_of(text), mentions=tuple(stated))
    assert "gender" not in one(transaction(case), "Patient")


@pytest.mark.parametrize("kind", ["condition", "symptom", "procedure"])
def test_the_side_is_told_in_the_words_that_receivers_of_text_get(built, kind):
    text = "knee trouble, left"
    there = mention(text, kind, "knee trouble", {"laterality": ("left", "left")})
    told = next(each["resource"] for each in built(text, there)["entry"] if "bodySite" in each["resource"])
    assert "<p>knee trouble, left (" in told["text"]["div"]
    said = mention("left knee", kind, "left knee", {"laterality": ("left", None)})
    told = next(each["resource"] for each in built("left knee", said)["entry"] if "bodySite" in each["resource"])
    assert "<p>left knee (" in told["text"]["div"]
