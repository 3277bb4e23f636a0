"""Red flags fire on what a text affirms of the patient now, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.case import Attribute, Case, Mention, Section
from worker.clinical.redflags import read_table, red_flags, spanish

CaseOf = Callable[..., Case]

AFFIRMED = [
    ("acute-coronary-syndrome", "Chest pain radiating to the left arm, with sweating, for one hour."),
    ("acute-coronary-syndrome", "Dolor torácico opresivo irradiado al brazo izquierdo y disnea."),
    ("st-elevation", "ECG shows ST elevation in leads II, III and aVF."),
    ("aortic-dissection", "Sudden tearing pain between the shoulder blades."),
    ("pulmonary-embolism", "She is short of breath and her left calf is painful: calf tenderness on the left."),
    ("thunderclap-headache", "Sudden onset of severe headache while lifting."),
    ("thunderclap-headache", "Cefalea súbita e intensa desde hace una hora."),
    ("meningitis", "Headache, fever and neck stiffness since this morning."),
    ("meningitis", "Le duele la cabeza, fiebre de 39 y tiene el cuello rígido."),
    ("meningitis", "Cefalea con fiebre y rigidez de nuca."),
    ("stroke", "Right-sided facial droop and slurred speech since 9 am."),
    ("stroke", "Disartria y debilidad en el brazo derecho desde esta mañana."),
    ("stroke", "History of stroke, now with new left facial droop."),
    ("acute-coronary-syndrome", "My father died of a heart attack, but now I have chest pain and I'm sweating."),
    ("vision-loss", "He reports sudden loss of vision in the right eye."),
    ("sepsis", "Admitted with urosepsis."),
    ("neutropenic-sepsis", "She is on chemotherapy and has a fever today."),
    ("infant-fever", "A 6-week-old boy with fever since yesterday."),
    ("anaphylaxis-signs", "Hives all over and wheezing ten minutes after peanuts."),
    ("pregnancy-bleeding", "She is 8 weeks pregnant with vaginal bleeding."),
    ("pregnancy-bleeding", "Embarazada de 9 semanas con sangrado vaginal."),
    ("suicide-risk", "Patient: I want to kill myself."),
    ("suicide-risk", "Refiere ideas suicidas desde hace una semana."),
    ("upper-gi-bleed", "He has vomited blood twice and has melena."),
    ("upper-gi-bleed", "Presenta hematemesis y melenas."),
    ("cauda-equina", "Low back pain with saddle anesthesia and urinary retention."),
    ("cauda-equina", "Lumbalgia con anestesia en silla de montar."),
    ("severe-asthma", "She is unable to complete sentences."),
    ("poisoning", "Took an overdose of paracetamol at noon."),
    ("testicular-torsion", "Sudden testicular pain for two hours."),
]
HARMLESS = [
    "Patient denies chest pain, shortness of breath, sweating or fainting.",
    "No fever, chills, cough, congestion, nausea, vomiting, chest pain, or shortness of breath.",
    "GASTROINTESTINAL: Negative dysphagia, negative hematemesis, negative melena.",
    "Niega dolor torácico, disnea o síncope.",
    "Sin fiebre, cefalea ni rigidez de nuca.",
    "Her father had chest pain and shortness of breath.",
    "Family history: stroke with slurred speech in the mother.",
    "Su madre tuvo hematemesis.",
    "Return to the emergency department if you develop chest pain or shortness of breath.",
    "Acuda si presenta dolor torácico o disnea.",
    "Risk of suicide was discussed; monitor for suicidal thoughts.",
    "History of GI bleed in 2010.",
    "Antecedentes de hemorragia digestiva hace 5 años.",
    "Doctor: Any chest pain?\nPatient: No.\nDoctor: Are you short of breath?\nPatient: No, not at all.",
    "Doctor: Do you have thoughts of killing yourself, suicidal thoughts?\nPatient: No, never.",
    "He denies suicidal ideation.",
    "Allergic to penicillin, which caused anaphylaxis.",
    "Possible stroke was considered elsewhere.",
    "Hay fever in spring.",
    "Chest pain: denies. Dyspnea: denies.",
    "No suicidal or homicidal ideation.",
    "Stroke risk factors: hypertension.",
    "45-year-old man, moderate headache for three days, history of migraine, father had a stroke, denies vomiting.",
]


@pytest.mark.parametrize(("rule", "text"), AFFIRMED)
def test_a_sign_of_danger_that_is_affirmed_is_flagged(case_of: CaseOf, rule: str, text: str) -> None:
    assert rule in {flag.rule for flag in red_flags(case_of(text))}


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_denied_of_kin_past_feared_or_merely_asked_is_not_flagged(case_of: CaseOf, text: str) -> None:
    assert red_flags(case_of(text)) == ()


def test_an_answer_of_yes_affirms_what_the_question_named(case_of: CaseOf) -> None:
    case = case_of("Doctor: Any chest pain?\nPatient: Yes, since noon.\nDoctor: Short of breath?\nPatient: Yes.")
    assert "acute-coronary-syndrome" in {flag.rule for flag in red_flags(case)}


def test_evidence_selects_the_words_that_speak(case_of: CaseOf) -> None:
    case = case_of("Paciente con ictus previo no. Cefalea, fiebre y rigidez de nuca.")
    (flag,) = (each for each in red_flags(case) if each.rule == "meningitis")
    assert [case.quote(span) for span in flag.evidence] == ["Cefalea", "fiebre", "rigidez de nuca"]


def test_offsets_hold_after_characters_that_grow_when_folded(case_of: CaseOf) -> None:
    case = case_of("İßﬁ 🫀 Dolor torácico y disnea.")
    (flag,) = red_flags(case)
    assert [case.quote(span) for span in flag.evidence] == ["Dolor torácico", "disnea"]


def test_the_most_urgent_comes_first(case_of: CaseOf) -> None:
    flags = red_flags(case_of("Visible haematuria. He also wants to kill himself."))
    assert [flag.urgency for flag in flags] == ["emergency", "urgent"]


def test_a_rule_is_silent_where_one_that_says_more_holds(case_of: CaseOf) -> None:
    assert [flag.rule for flag in red_flags(case_of("Chest pain."))] == ["chest-pain"]
    assert [flag.rule for flag in red_flags(case_of("Chest pain and diaphoresis."))] == ["acute-coronary-syndrome"]


def mention(case: Case, text: str, **more: object) -> Mention:
    start = (case.text or "").index(text)
    made = Mention("m1", "symptom", start, start + len(text), text)
    return replace(made, **more)  # type: ignore[arg-type]  # the test names real fields


def test_a_mention_counts_by_its_concept(case_of: CaseOf) -> None:
    case = case_of("Le aprieta el esternón y le falta el resuello.")
    found = (
        mention(case, "aprieta el esternón", concept="chest pain"),
        mention(case, "falta el resuello", concept="dyspnea"),
    )
    assert [flag.rule for flag in red_flags(replace(case, mentions=found))] == ["acute-coronary-syndrome"]


@pytest.mark.parametrize(
    "sense", [{"assertion": "absent"}, {"assertion": "possible"}, {"experiencer": "family"}, {"temporality": "past"}]
)
def test_a_mention_in_another_sense_silences_the_phrase_that_it_covers(case_of: CaseOf, sense: dict[str, str]) -> None:
    case = case_of("Chest pain.")
    assert red_flags(case)
    assert red_flags(replace(case, mentions=(mention(case, "Chest pain", concept="chest pain", **sense),))) == ()


def test_what_stands_in_the_family_history_is_not_the_patients(case_of: CaseOf) -> None:
    case = case_of("Melena.")
    assert red_flags(replace(case, sections=(Section("family_history", 0, 7),))) == ()


@pytest.mark.parametrize(
    ("text", "attributes", "concept", "rule"),
    [
        ("SpO2 88%", {"value": "88"}, "oxygen saturation", "low-oxygen"),
        ("BP 82/50", {"systolic": "82", "diastolic": "50"}, "blood pressure", "low-blood-pressure"),
        ("BP 190/125", {"systolic": "190", "diastolic": "125"}, "blood pressure", "severe-hypertension"),
        ("HR 140", {"value": "140"}, "heart rate", "extreme-vital-sign"),
    ],
)
def test_a_measured_value_beyond_its_limit_is_flagged(
    case_of: CaseOf, text: str, attributes: dict[str, str], concept: str, rule: str
) -> None:
    assert [flag.rule for flag in red_flags(measured(case_of(text), attributes, concept))] == [rule]


@pytest.mark.parametrize(
    ("text", "attributes", "concept"),
    [
        ("SpO2 92%", {"value": "92"}, "oxygen saturation"),
        ("BP 90/60", {"systolic": "90", "diastolic": "60"}, "blood pressure"),
        ("BP 179/119", {"systolic": "179", "diastolic": "119"}, "blood pressure"),
        ("Temp 98.6 F", {"value": "98.6"}, "body temperature"),
    ],
)
def test_a_measured_value_within_its_limits_is_not_flagged(
    case_of: CaseOf, text: str, attributes: dict[str, str], concept: str
) -> None:
    assert red_flags(measured(case_of(text), attributes, concept)) == ()


def measured(case: Case, attributes: dict[str, str], concept: str) -> Case:
    values = tuple(Attribute(name, value) for name, value in attributes.items())
    return replace(case, mentions=(mention(case, case.text or "", kind="vital", concept=concept, attributes=values),))


def test_infection_with_two_abnormal_vital_signs_asks_for_a_sepsis_screen(case_of: CaseOf) -> None:
    case = case_of("Pneumonia. HR 118. RR 24.")
    rate = mention(case, "HR 118", kind="vital", concept="heart rate", attributes=(Attribute("value", "118"),))
    breath = mention(case, "RR 24", kind="vital", concept="respiratory rate", attributes=(Attribute("value", "24"),))
    assert [flag.rule for flag in red_flags(replace(case, mentions=(rate, breath)))] == ["sepsis-screen"]


def test_every_rule_names_findings_that_exist_and_a_dated_source() -> None:
    table = read_table()
    rules = {rule.id for rule in table.rules}
    assert len(rules) == len(table.rules)
    for rule in table.rules:
        assert {*rule.all, *rule.any, *rule.also} <= set(table.findings)
        assert set(rule.unless) <= rules
        assert any(str(year) in rule.source for year in range(2005, 2027)), rule.id


def test_every_finding_serves_a_rule() -> None:
    table = read_table()
    used = {name for rule in table.rules for name in (*rule.all, *rule.any, *rule.also)}
    assert set(table.findings) == used


def test_a_case_without_text_has_no_red_flags(case_of: CaseOf) -> None:
    assert red_flags(case_of(None)) == ()


def test_a_spanish_text_is_warned_of_in_spanish(case_of: CaseOf) -> None:
    [flag] = red_flags(case_of("Refiere ideas de suicidio.", language="es"))
    assert flag.text.startswith("Ideas de suicidio")


def test_every_rule_has_its_spanish_words() -> None:
    assert set(spanish()) == {rule.id for rule in read_table().rules}
