"""What becomes of a bundle when a clinician confirms it, rejects it or corrects it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import fhirkit
import pytest

from shared import bundle_forms, fhir_json
from shared.case import Code
from tests.worker.fhir.cases import ICD, Resource, mention, one, resources
from tests.worker.fhir.finished import LABEL, Finished, finished
from worker.fhir.check import problems
from worker.fhir.codes import LOINC
from worker.fhir.operator import Operator

CONFIRM = {"action": "confirm"}
REJECT = {"action": "reject"}


@pytest.fixture
def done(note) -> Finished:
    """The note's bundle; the migraine is of now, so that it can be confirmed as active."""
    return finished(note)


def sound(bundle: Resource) -> Resource:
    assert problems(bundle) == []
    assert fhirkit.parse(fhir_json.write(bundle), strict=True).issues == []
    return bundle


def labels(resource: Resource) -> set[str]:
    return {each["code"] for each in resource.get("meta", {}).get("security", ())}


def code(resource: Resource, name: str) -> str:
    return str(resource[name]["coding"][0]["code"])


def corrected(done: Finished, kind: str, text: str, /, **fields: object) -> Resource:
    """The bundle after one fact was corrected."""
    return sound(done.after({"action": "correct", "corrections": [{"fact_id": done.fact(kind, text), **fields}]}))


def test_without_reviews_nothing_changes(done):
    assert done.after() == done.bundle


def test_a_confirmed_bundle_bears_the_reviewers_label_alone(done):
    after = sound(done.after(CONFIRM))
    borne = {label for each in after["entry"] for label in labels(each["resource"])}
    assert borne | labels(after) == {LABEL["code"]}
    assert "AI asserted" not in fhir_json.write(after)


def test_confirming_makes_statuses_final_and_confirmed_but_orders_nothing(done):
    after = done.after(CONFIRM)
    assert code(one(after, "Condition"), "verificationStatus") == "confirmed"
    assert code(one(after, "AllergyIntolerance"), "verificationStatus") == "confirmed"
    assert {each["status"] for each in resources(after, "Observation")} == {"final"}
    assert one(after, "DetectedIssue")["status"] == "final"
    assert one(after, "Composition")["status"] == "final"
    assert one(after, "Composition")["attester"][0]["party"]["identifier"]["value"] == "user:ada"
    assert (one(after, "CarePlan")["status"], one(after, "CarePlan")["intent"]) == ("draft", "proposal")


@pytest.mark.parametrize(("assertion", "stays"), [("absent", "refuted"), ("possible", "provisional")])
def test_what_the_source_denies_or_doubts_is_not_confirmed_by_a_review(note, assertion, stays):
    doubted = tuple(replace(each, assertion=assertion) if each.kind == "condition" else each for each in note.mentions)
    after = sound(finished(replace(note, mentions=doubted)).after(CONFIRM))
    assert code(one(after, "Condition"), "verificationStatus") == stays


def test_who_reviewed_stands_in_a_provenance_of_its_own(done):
    made, reviewed = resources(sound(done.after(CONFIRM)), "Provenance")
    agent = reviewed["agent"][0]
    assert code(agent, "type") == "verifier"
    assert agent["who"]["identifier"]["value"] == "user:ada"
    assert reviewed["recorded"] == "2026-03-20T09:46:40+00:00"
    assert {each["reference"] for each in made["target"]} == {each["reference"] for each in reviewed["target"]}


def test_a_rejected_fact_is_in_error_and_off_the_lists(done):
    after = sound(done.after({**REJECT, "facts": [done.fact("condition", "migraine")]}))
    migraine = one(after, "Condition")
    assert code(migraine, "verificationStatus") == "entered-in-error"
    assert "clinicalStatus" not in migraine
    assert labels(migraine) == {"AIAST"}
    url = next(each["fullUrl"] for each in after["entry"] if each["resource"] is migraine)
    assert url not in fhir_json.write(one(after, "Composition"))
    assert url not in fhir_json.write(one(after, "ClinicalImpression"))
    assert "Problems" not in {each["title"] for each in one(after, "Composition")["section"]}
    assert one(after, "Observation", "headache")["status"] == "preliminary"


def test_a_rejected_observation_is_in_error_too(done):
    after = sound(done.after({**REJECT, "facts": [done.fact("symptom", "headache")]}))
    assert one(after, "Observation", "headache")["status"] == "entered-in-error"
    assert "implicated" not in one(after, "DetectedIssue")


def test_rejecting_all_leaves_nothing_that_stands(done):
    after = sound(done.after(REJECT))
    statuses = {
        each["resource"].get("status") or code(each["resource"], "verificationStatus")
        for each in after["entry"]
        if "AIAST" in labels(each["resource"]) and each["resource"]["resourceType"] not in {"Patient", "Provenance"}
    }
    assert statuses == {"entered-in-error"}


def test_what_was_rejected_by_itself_stays_so_when_the_rest_is_confirmed(done):
    after = sound(done.after({**REJECT, "facts": [done.fact("condition", "migraine")]}, CONFIRM))
    assert code(one(after, "Condition"), "verificationStatus") == "entered-in-error"
    assert one(after, "Observation", "headache")["status"] == "final"
    assert labels(after) == {"AIAST", LABEL["code"]}


def test_the_later_word_counts(done):
    migraine = [done.fact("condition", "migraine")]
    after = sound(done.after({**REJECT, "facts": migraine}, {**CONFIRM, "facts": migraine}))
    assert code(one(after, "Condition"), "verificationStatus") == "confirmed"
    assert sound(done.after(CONFIRM, REJECT))["entry"]
    assert code(one(done.after(REJECT, CONFIRM), "Condition"), "verificationStatus") == "confirmed"


def test_a_relatives_illness_can_be_rejected_by_itself(note):
    text = f"{note.text} Father also had gout."
    gout = mention(
        text, "condition", "gout", concept="gout", experiencer="family", relation="father", temporality="past"
    )
    done = finished(replace(note, text=text, mentions=(*note.mentions, gout)))
    after = sound(done.after({**REJECT, "facts": [done.fact("condition", "stroke")]}))
    father = one(after, "FamilyMemberHistory")
    assert [each["code"]["text"] for each in father["condition"]] == ["gout"]
    assert labels(father) == {"AIAST"}
    both = [done.fact("condition", "stroke"), done.fact("condition", "gout")]
    gone = one(sound(done.after({**REJECT, "facts": both})), "FamilyMemberHistory")
    assert gone["status"] == "entered-in-error"


def test_another_diagnosis_loses_the_code_of_the_old_one_and_bears_its_own(done):
    plain = one(corrected(done, "condition", "migraine", text="tension headache"), "Condition")
    assert plain["code"] == {"text": "tension headache"}
    coded = [{"system": ICD, "code": "G44.209", "display": "Tension-type headache"}]
    other = one(corrected(done, "condition", "migraine", text="tension headache", codes=coded), "Condition")
    assert other["code"] == {"coding": coded, "text": "tension headache"}
    assert labels(other) == {LABEL["code"]}
    assert code(other, "verificationStatus") == "confirmed"


def test_a_condition_that_a_reviewer_denies_is_refuted_without_a_course(done):
    migraine = one(corrected(done, "condition", "migraine", assertion="absent"), "Condition")
    assert code(migraine, "verificationStatus") == "refuted"
    assert "clinicalStatus" not in migraine
    again = one(corrected(done, "condition", "migraine", temporality="current"), "Condition")
    assert code(again, "clinicalStatus") == "active"


def test_a_dose_is_corrected_with_its_digits_and_what_stays_right_stays(done):
    metformin = one(corrected(done, "medication", "metformin", dose="0.50", unit="g"), "MedicationStatement")
    (dosage,) = metformin["dosage"]
    quantity = dosage["doseAndRate"][0]["doseQuantity"]
    assert (str(quantity["value"]), quantity["code"]) == ("0.50", "g")
    assert dosage["text"] == "0.50 g twice daily"
    assert dosage["timing"]["repeat"]["frequency"] == 2
    rarer = one(corrected(done, "medication", "metformin", frequency="once daily"), "MedicationStatement")
    assert rarer["dosage"][0]["text"] == "500 mg once daily"
    assert "timing" not in rarer["dosage"][0]


def test_a_medication_that_is_not_taken_has_no_dosage(done):
    metformin = one(corrected(done, "medication", "metformin", status="not-taken"), "MedicationStatement")
    assert (metformin["status"], "dosage" in metformin) == ("not-taken", False)


def test_a_corrected_blood_pressure_changes_the_half_that_was_wrong(done):
    after = corrected(done, "vital", "BP 142/91", systolic="124")
    values = [each["valueQuantity"]["value"] for each in one(after, "Observation", "blood pressure")["component"]]
    assert values == [Decimal(124), Decimal(91)]


def test_a_corrected_measurement_no_longer_bears_the_words_with_the_old_number(done):
    after = corrected(done, "vital", "BP 142/91", systolic="124")
    assert "142" not in fhir_json.write(one(after, "Observation", "blood pressure"))
    (section,) = [each for each in one(after, "Composition")["section"] if each["title"] == "Vital signs"]
    assert "142" not in section["text"]["div"]


def test_a_corrected_unit_keeps_the_digits_and_an_earlier_correction(case_of):
    words = "Temp 37.90"
    stated = {"value": ("37.90", None), "unit": ("[degF]", None)}
    found = mention(words, "vital", words, stated, concept="body temperature", codes=(Code(LOINC, "8310-5", "t"),))
    done = finished(replace(case_of(words), mentions=(found,)))
    name = done.fact("vital", words)
    unit = {"action": "correct", "corrections": [{"fact_id": name, "unit": "Cel"}]}
    value = {"action": "correct", "corrections": [{"fact_id": name, "value": "38.10"}]}
    for said, reads in ([unit], "37.90"), ([value, unit], "38.10"):
        quantity = one(sound(done.after(*said)), "Observation")["valueQuantity"]
        assert (str(quantity["value"]), quantity["code"]) == (reads, "Cel")


def test_a_corrected_symptom_is_denied_or_doubted(done):
    assert (
        one(corrected(done, "symptom", "headache", assertion="absent"), "Observation", "headache")["valueBoolean"]
        is False
    )
    doubted = one(corrected(done, "symptom", "headache", assertion="possible"), "Observation", "headache")
    assert "valueBoolean" not in doubted
    assert doubted["valueCodeableConcept"] == {"text": "possible"}
    worse = one(
        corrected(done, "symptom", "headache", severity="severe", duration="two weeks"), "Observation", "headache"
    )
    assert [each["valueString"] for each in worse["component"]] == ["severe", "two weeks"]


def test_an_allergy_gets_its_reaction(done):
    penicillin = one(corrected(done, "allergy", "penicillin", reaction="hives", severity="mild"), "AllergyIntolerance")
    assert penicillin["reaction"] == [{"manifestation": [{"text": "hives"}], "severity": "mild"}]
    denied = one(corrected(done, "allergy", "penicillin", assertion="absent"), "AllergyIntolerance")
    assert code(denied, "verificationStatus") == "refuted"


def test_a_relatives_illness_is_corrected_where_it_stands(done):
    father = one(corrected(done, "condition", "stroke", text="heart attack"), "FamilyMemberHistory")
    assert [each["code"] for each in father["condition"]] == [{"text": "heart attack"}]


def test_a_reviewers_words_are_escaped_and_stand_in_the_document_too(done):
    after = corrected(done, "condition", "migraine", text="headache <5/10>\x07")
    words = "headache &lt;5/10&gt; (corrected by a reviewer)"
    assert words in one(after, "Condition")["text"]["div"]
    (section,) = [each for each in one(after, "Composition")["section"] if each["title"] == "Problems"]
    assert words in section["text"]["div"]


def test_medication_requests_are_reviewed_too(note):
    done = finished(note, Operator(medication="request"))
    metformin = one(corrected(done, "medication", "metformin", dose="850"), "MedicationRequest")
    assert metformin["dosageInstruction"][0]["text"] == "850 mg twice daily"
    assert (metformin["intent"], metformin["reportedBoolean"]) == ("plan", True)


def test_a_fact_that_became_no_resource_changes_nothing(done):
    after = done.after({**REJECT, "facts": [done.fact("symptom", "fever")]})
    assert after["entry"] == done.bundle["entry"]


def test_reviews_give_the_same_bytes_each_time_in_every_form(done):
    said = ({**REJECT, "facts": [done.fact("symptom", "headache")]}, CONFIRM)
    one_time, other = done.after(*said), done.after(*said)
    assert fhir_json.write(one_time) == fhir_json.write(other)
    for kind in ("collection", "document"):
        sound(bundle_forms.formed(one_time, kind))


def test_a_code_of_a_correction_has_the_form_of_its_system(done):
    with pytest.raises(ValueError, match="a code is of"):
        corrected(done, "condition", "migraine", codes=[{"system": ICD, "code": "G44209"}])
