"""What each resource of the bundle says of the note that everybody tests with."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from shared.case import Case
from shared.errors import MissingInputError
from shared.job import Encounter, Patient
from tests.worker.fhir.cases import NOTE, RECORDING, evidence, one, resources, sound
from worker.fhir.bundle import bundle
from worker.fhir.operator import Operator

EXTRACTION = "urn:clinq:extraction-id"


def code(concept: dict) -> str:
    (coding,) = concept["coding"]
    return coding["code"]


def test_the_note_becomes_one_resource_a_fact_and_no_more(note):
    kinds = [each["resource"]["resourceType"] for each in sound(note)["entry"]]
    assert kinds == [
        "Patient", "DocumentReference", "Organization", "Device", "Device", "Device", "Condition", "Observation",
        "Observation", "Observation", "MedicationStatement", "AllergyIntolerance", "FamilyMemberHistory",
        "DetectedIssue", "ClinicalImpression", "CarePlan", "Composition", "Provenance",
    ]  # fmt: skip


def test_a_past_condition_is_inactive_and_unconfirmed(note):
    migraine = one(sound(note), "Condition")
    assert code(migraine["clinicalStatus"]) == "inactive"
    assert code(migraine["verificationStatus"]) == "unconfirmed"
    assert migraine["code"]["text"] == "migraine"
    assert code(migraine["code"]) == "G43.909"
    assert evidence(note, migraine) == ["migraine"]


def test_a_symptom_is_true_with_severity_and_duration(note):
    headache = one(sound(note), "Observation", "headache")
    severity, duration = headache["component"]
    assert headache["valueBoolean"] is True
    assert headache["status"] == "preliminary"
    assert code(severity["valueCodeableConcept"]) == "HP:0012826"
    assert duration["valueQuantity"] == {
        "value": Decimal(3),
        "unit": "d",
        "system": "http://unitsofmeasure.org",
        "code": "d",
    }
    assert evidence(note, headache) == ["headache", "moderate", "three days"]


def test_a_denied_symptom_is_false_and_shows_the_denial(note):
    vomiting = one(sound(note), "Observation", "vomiting")
    assert vomiting["valueBoolean"] is False
    assert evidence(note, vomiting) == ["vomiting", "denies"]


def test_a_hypothetical_symptom_becomes_nothing(note):
    assert "fever" not in bundle(note)


def test_blood_pressure_has_two_components_with_units(note):
    pressure = one(sound(note), "Observation", "BP 142/91")
    values = {code(each["code"]): each["valueQuantity"] for each in pressure["component"]}
    assert code(pressure["code"]) == "85354-9"
    assert "valueQuantity" not in pressure
    assert {name: (each["value"], each["code"]) for name, each in values.items()} == {
        "8480-6": (Decimal(142), "mm[Hg]"),
        "8462-4": (Decimal(91), "mm[Hg]"),
    }


def test_a_medication_has_its_dosage_in_words_and_in_parts(note):
    metformin = one(sound(note), "MedicationStatement")
    (dosage,) = metformin["dosage"]
    assert metformin["status"] == "active"
    assert code(metformin["medicationCodeableConcept"]) == "6809"
    assert dosage["text"] == "500 mg twice daily"
    assert dosage["timing"]["repeat"] == {"frequency": 2, "period": 1, "periodUnit": "d"}
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == Decimal(500)
    assert dosage["doseAndRate"][0]["doseQuantity"]["code"] == "mg"


def test_an_allergy_is_active_unconfirmed_and_to_a_medication(note):
    penicillin = one(sound(note), "AllergyIntolerance")
    assert code(penicillin["clinicalStatus"]) == "active"
    assert code(penicillin["verificationStatus"]) == "unconfirmed"
    assert penicillin["category"] == ["medication"]


def test_a_fathers_stroke_is_his_alone(note):
    built = sound(note)
    father = one(built, "FamilyMemberHistory")
    assert code(father["relationship"]) == "FTH"
    assert [each["code"]["text"] for each in father["condition"]] == ["stroke"]
    assert [each["code"]["text"] for each in resources(built, "Condition")] == ["migraine"]


def test_the_impression_holds_the_narrative_and_the_category_but_nothing_unsupported(note):
    impression = one(sound(note), "ClinicalImpression")
    category = impression["finding"][0]
    assert impression["summary"] == "Moderate headache for three days."
    assert code(category["itemCodeableConcept"]) == "neurological"
    assert category["basis"] == "Model score 0.8300; uncertain, needs review"
    assert len([each for each in impression["finding"] if "itemReference" in each]) == 3


def test_a_red_flag_points_at_the_facts_whose_words_it_rests_on(note):
    built = sound(note)
    issue = one(built, "DetectedIssue")
    (target,) = issue["implicated"]
    (pointed_at,) = [each["resource"] for each in built["entry"] if each["fullUrl"] == target["reference"]]
    assert pointed_at["code"]["text"] == "headache"
    assert issue["severity"] == "moderate"
    assert issue["detail"].endswith("Rule: NICE CG150")


def test_recommendations_are_a_draft_proposal(note):
    plan = one(sound(note), "CarePlan")
    assert (plan["status"], plan["intent"]) == ("draft", "proposal")
    assert plan["activity"][0]["detail"]["description"] == "Repeat the blood pressure. [source: NICE NG136]"
    assert evidence(note, plan["activity"][0]) == ["BP 142/91"]


def test_the_composition_lists_each_fact_under_its_heading(note):
    composition = one(sound(note), "Composition")
    sections = {each["title"]: len(each.get("entry", ())) for each in composition["section"]}
    assert composition["status"] == "preliminary"
    assert sections == {
        "Summary": 0,
        "Red flags": 1,
        "Problems": 1,
        "Symptoms": 2,
        "Vital signs": 1,
        "Medications": 1,
        "Allergies": 1,
        "Family history": 1,
        "Assessment": 1,
        "Plan": 1,
    }


def test_provenance_covers_all_that_software_asserted_on_behalf_of_the_operator(note):
    built = sound(note)
    record = one(built, "Provenance")
    labelled = [
        each["fullUrl"]
        for each in built["entry"]
        if "security" in each["resource"].get("meta", {}) and each["resource"] is not record
    ]
    operator = next(each["fullUrl"] for each in built["entry"] if each["resource"]["resourceType"] == "Organization")
    assert [each["reference"] for each in record["target"]] == labelled
    assert {each["onBehalfOf"]["reference"] for each in record["agent"]} == {operator}
    assert len(record["agent"]) == 3


def test_the_operator_is_who_the_setting_names(note):
    written = bundle(note, Operator("St. Elsewhere", "https://elsewhere.example/org", "main"))
    assert '"name":"St. Elsewhere"' in written


def test_a_patient_of_whom_only_the_note_speaks_has_a_labelled_gender_and_no_birth_date(note):
    patient = one(sound(note), "Patient")
    assert patient["gender"] == "male"
    assert "birthDate" not in patient
    assert "name" not in patient
    assert patient["meta"]["security"][0]["code"] == "AIAST"
    assert evidence(note, patient) == ["man"]


def test_a_patient_of_the_caller_is_taken_as_named_and_nothing_is_added(note):
    asked = Patient(
        identifier="MRN|42", system="https://h.example/mrn", family="Test", given="Jane", birth_date=date(1968, 3, 14)
    )
    built = sound(replace(note, origin=replace(note.origin, patient=asked)))
    patient = one(built, "Patient")
    assert patient["identifier"][0]["value"] == "MRN|42"
    assert patient["name"] == [{"family": "Test", "given": ["Jane"]}]
    assert patient["birthDate"] == "1968-03-14"
    assert "gender" not in patient
    assert "meta" not in patient
    assert built["entry"][0]["request"]["ifNoneExist"] == "identifier=https://h.example/mrn|MRN%5C%7C42"


def test_a_patient_that_the_callers_server_has_is_only_referred_to(note):
    asked = replace(note.origin, patient=Patient(reference="Patient/123"), encounter=Encounter(reference="Encounter/9"))
    built = sound(replace(note, origin=asked))
    assert resources(built, "Patient") == []
    assert resources(built, "Encounter") == []
    assert one(built, "Condition")["subject"] == {"reference": "Patient/123"}
    assert one(built, "Condition")["encounter"] == {"reference": "Encounter/9"}


def test_a_name_of_white_space_is_no_name(note):
    asked = Patient(identifier="42", name=" ", family="\t", given="Jane")
    built = sound(replace(note, origin=replace(note.origin, patient=asked)))
    assert one(built, "Patient")["name"] == [{"given": ["Jane"]}]


def test_a_category_that_is_no_code_goes_out_in_words(note):
    found = replace(note.classification, category="ear, nose & throat")
    impression = one(sound(replace(note, classification=found)), "ClinicalImpression")
    assert impression["finding"][0]["itemCodeableConcept"] == {"text": "ear, nose & throat (category)"}


def test_an_mrn_without_a_system_is_the_tenants_own(note):
    asked = replace(note.origin, patient=Patient(identifier="42"), tenant="clinic a")
    built = sound(replace(note, origin=asked))
    assert one(built, "Patient")["identifier"][0]["system"] == "urn:clinq:mrn:clinic%20a"


def test_an_encounter_gives_the_time_that_the_facts_are_of(note):
    start = datetime(2026, 2, 28, 14, tzinfo=UTC)
    visit = Encounter(identifier="V-7", system="https://h.example/visit", kind="EMER", start=start, end=start)
    built = sound(replace(note, origin=replace(note.origin, encounter=visit)))
    encounter = one(built, "Encounter")
    assert encounter["class"]["code"] == "EMER"
    assert encounter["status"] == "finished"
    assert one(built, "Observation", "headache")["effectiveDateTime"] == "2026-02-28T14:00:00+00:00"


def test_a_recording_is_a_second_document_that_the_transcript_transforms(note):
    built = sound(replace(note, origin=replace(note.origin, audio=RECORDING)))
    recording, transcript = resources(built, "DocumentReference")
    assert recording["content"][0]["attachment"]["contentType"] == "audio/flac"
    assert "meta" not in recording
    assert transcript["relatesTo"][0]["code"] == "transforms"
    assert transcript["relatesTo"][0]["target"]["reference"] == next(
        each["fullUrl"] for each in built["entry"] if each["resource"] is recording
    )
    assert transcript["meta"]["security"][0]["code"] == "AIAST"


def test_without_text_there_is_nothing_to_assemble(case_of):
    with pytest.raises(MissingInputError):
        bundle(case_of(None))


def test_a_text_without_facts_still_makes_a_sound_bundle(case_of):
    kinds = {each["resource"]["resourceType"] for each in sound(case_of("Nothing here."))["entry"]}
    assert kinds == {"Patient", "DocumentReference", "Organization", "Device", "Composition", "Provenance"}


def test_the_same_case_gives_the_same_bytes(note):
    assert bundle(note) == bundle(note)


def test_another_run_of_the_same_note_names_the_same_facts_and_a_provenance_of_its_own(note):
    first, again = sound(note), sound(another_run(note))
    changed = {
        one["resource"]["resourceType"]
        for one, other in zip(first["entry"], again["entry"], strict=True)
        if one["fullUrl"] != other["fullUrl"]
    }
    assert changed == {"Provenance"}


def another_run(case: Case) -> Case:
    """The same note, sent again."""
    later = replace(
        case.origin, job_id="0199d0a0-0000-7000-8000-00000000ffff", received_at=datetime(2026, 4, 1, tzinfo=UTC)
    )
    return replace(case, origin=later)


@pytest.mark.parametrize("changes", [{"tenant": "other"}, {"patient": Patient(identifier="7")}])
def test_the_same_words_about_somebody_else_are_another_document(note, changes):
    other = sound(replace(note, origin=replace(note.origin, **changes)))
    mine = {each["fullUrl"] for each in sound(note)["entry"]}
    shared = [each["resource"]["resourceType"] for each in other["entry"] if each["fullUrl"] in mine]
    assert set(shared) == {"Organization", "Device", "Provenance"}  # they belong to the service and to the job


def test_an_unlabelled_resource_is_the_callers_or_the_operators(note):
    bare = {
        each["resource"]["resourceType"]
        for each in sound(note)["entry"]
        if "security" not in each["resource"].get("meta", {})
    }
    assert bare == {"DocumentReference", "Organization", "Device"}


def test_the_source_is_the_submitted_text_to_the_byte(note):
    (document,) = resources(sound(note), "DocumentReference")
    assert base64.b64decode(document["content"][0]["attachment"]["data"]).decode() == NOTE
