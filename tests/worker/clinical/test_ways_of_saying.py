"""Ways of saying a habit, a fever, a dose, a pressure or a drug that was stopped, and what each of them tells."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("Tobacco: Former smoker.", "en", [("Former smoker", "former smoker", "present")]),
        ("Tobacco: quit 10 years ago.", "en", [("Tobacco", "former smoker", "present")]),
        ("Smoking status: Never.", "en", [("Smoking", "current smoker", "absent")]),
        ("Illicit drug use: Never.", "en", [("Illicit drug use", "illicit drug use", "absent")]),
        ("Tobacco: one pack a day.", "en", [("Tobacco", "current smoker", "present")]),
        ("Tabaco: exfumador desde 2010.", "es", [("exfumador", "former smoker", "present")]),
        ("Tóxicos: niega.", "es", [("Tóxicos", "illicit drug use", "absent")]),
    ],
)
def test_a_habit_under_its_label_is_told_once_and_as_it_is(text, language, told):
    assert [(each.text, each.concept, each.assertion) for each in facts(text, language).mentions] == told


@pytest.mark.parametrize(
    ("text", "language", "symptom", "value"),
    [
        ("She had fever of 39 C yesterday.", "en", "fever", "39 C"),
        ("Fiebre de hasta 38,5ºC.", "es", "Fiebre", "38,5ºC"),
    ],
)
def test_a_fever_is_a_symptom_and_its_temperature_a_vital_sign(text, language, symptom, value):
    found = {each.kind: each.text for each in facts(text, language).mentions}
    assert found == {"symptom": symptom, "vital": value}


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("He takes half a gram of vancomycin.", "en", {"dose": "0.5", "unit": "g"}),
        ("Tomo paracetamol de un gramo cada ocho horas.", "es", {"dose": "1", "unit": "g"}),
        ("Medio comprimido de enalapril al día.", "es", {"dose": "0.5", "unit": "tablet"}),
    ],
)
def test_halves_and_ones_are_doses(text, language, told):
    [found] = facts(text, language).mentions
    assert {each.name: each.value for each in found.attributes}.items() >= told.items()


def test_a_pressure_is_known_by_how_it_is_said():
    [found] = facts("Le voy a tomar la tensión. Tiene 160 sobre 95.", "es").mentions
    assert (found.text, found.attribute("systolic"), found.attribute("diastolic")) == ("160 sobre 95", "160", "95")


def test_what_is_graded_is_there_and_a_slashed_list_ends_its_denial():
    found = facts("RRR, no m/r/g, bibasilar crackles, 1+ pitting edema. No rales, 2+ edema.", "en").mentions
    told = [(each.text, each.assertion) for each in found]
    assert told == [
        ("crackles", "present"),
        ("pitting edema", "present"),
        ("rales", "absent"),
        ("edema", "present"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Toma enalapril y el sintrom lo dejó hace un año.",
        "Médico: ¿Toma algo?\nPaciente: Sí, enalapril por la mañana, y el sintrom lo dejé hace un año.",
    ],
)
def test_only_the_drug_that_was_stopped_is_over(text):
    found = {each.concept: each.temporality for each in facts(text, "es").mentions if each.kind == "medication"}
    assert found == {"enalapril": "current", "acenocoumarol": "past"}


@pytest.mark.parametrize(
    ("text", "language"), [("PLAN:\n1. ECG.\n2. Chest x-ray.", "en"), ("PLAN: ECG. Analítica.", "es")]
)
def test_what_stands_under_plan_is_not_done_yet(text, language):
    assert {each.temporality for each in facts(text, language).mentions} == {"planned"}


@pytest.mark.parametrize(
    ("text", "language", "allergies", "drugs"),
    [
        (
            "Seen. Allergies: Penicillin. Sulfa. He takes aspirin 81 mg daily.",
            "en",
            ["Penicillin", "Sulfa"],
            ["aspirin"],
        ),
        ("Allergies: NKDA. Lisinopril 10 mg daily.", "en", ["NKDA"], ["Lisinopril"]),
        (
            "Alergias: no conocidas.\nToma ibuprofeno.\nMetildopa 250 mg.",
            "es",
            ["no conocidas"],
            ["ibuprofeno", "Metildopa"],
        ),
        ("Alergias:\n- Penicilina\n- AINE\n\nToma enalapril.", "es", ["Penicilina", "AINE"], ["enalapril"]),
    ],
)
def test_a_list_of_allergies_ends_before_what_is_taken(text, language, allergies, drugs):
    found = facts(text, language).mentions
    assert [each.text for each in found if each.kind == "allergy"] == allergies
    assert [each.text for each in found if each.kind == "medication"] == drugs


def test_weeks_of_pregnancy_are_no_age():
    assert [each.kind for each in facts("Gestante de 32 semanas con cefalea.", "es").mentions] == [
        "condition",
        "symptom",
    ]
    [age] = [each for each in facts("Gestante de 32 años.", "es").mentions if each.kind == "demographic"]
    assert age.attribute("value") == "32"


@pytest.mark.parametrize(
    "text",
    [
        "Fever ☐  Cough ☒  Chest pain ☐",
        "☐ Fever ☒ Cough ☐ Chest pain",
        "[ ] Fever\n[x] Cough\n[ ] Chest pain",
        "- [ ] Fever\n- [x] Cough\n- [ ] Chest pain",
        "Symptoms: ☐ Fever ☒ Cough ☐ Chest pain",
        "Fever: [ ] Cough: [x] Chest pain: [ ]",
    ],
)
def test_what_stands_beside_an_empty_box_is_said_of_nobody(text):
    assert [each.text for each in facts(text, "en").mentions] == ["Cough"]
