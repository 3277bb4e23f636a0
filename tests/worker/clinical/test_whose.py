"""Whose a finding is: of the child that is brought, of the husband told of, of the mother who speaks."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts

TALK = (
    "Doctor: What brings you in?\nGuest_family: My son has had a fever since Sunday.\n"
    "Doctor: Were there any problems with the pregnancy?\n"
    "Guest_family: I had gestational diabetes while I was pregnant with him.\n"
    "Doctor: Any allergies?\nGuest_family: I'm allergic to penicillin too. He is allergic to eggs.\n"
)
DICTATED = (
    "okay so this is a 52 year old lady with right knee pain for about three months and it's worse going up stairs she "
    "does not have any swelling or locking her mother had rheumatoid arthritis and she's worried about that she takes "
    "amlodipine five milligrams a day on exam there's crepitus no effusion so I think this is osteoarthritis we'll get "
    "an x-ray"
)


def whose(text: str, language: str = "en") -> dict[str, str]:
    return {each.concept or each.text: each.experiencer for each in facts(text, language).mentions}


@pytest.mark.parametrize(
    ("text", "language", "concept"),
    [
        ("Mother brings in her daughter with ear pain.", "en", "ear pain"),
        ("The parents brought their son in because of vomiting.", "en", "vomiting"),
        ("La madre trae a su hija por fiebre.", "es", "fever"),
    ],
)
def test_the_child_that_is_brought_is_the_patient(text: str, language: str, concept: str) -> None:
    assert whose(text, language)[concept] == "patient"


def test_he_is_the_husband_of_a_woman() -> None:
    text = "34-year-old woman with depression. Her husband lost his job. He drinks and has cirrhosis."
    assert whose(text)["cirrhosis"] == whose(text)["alcohol use"] == "other"
    assert whose(text)["depression"] == "patient"


@pytest.mark.parametrize(
    ("text", "concept", "experiencer"),
    [
        ("Her father visits often. He has diabetes.", "diabetes mellitus", "family"),
        ("Woman of 65. Her brother is a doctor. He has recommended tamoxifen.", "tamoxifen", "patient"),
        ("His father died young. He has diabetes.", "diabetes mellitus", "patient"),
        ("42-year-old man. His brother had a stroke. He takes warfarin.", "warfarin", "patient"),
    ],
)
def test_a_pronoun_that_can_be_the_patients_is_his(text: str, concept: str, experiencer: str) -> None:
    assert whose(text)[concept] == experiencer


def test_what_the_wife_only_noticed_is_the_mans() -> None:
    assert (
        whose("72-year-old man with cough. His wife is worried. She has noticed weight loss.")["weight loss"]
        == "patient"
    )


def test_what_a_parent_says_of_himself_is_not_the_childs() -> None:
    found = whose(TALK)
    assert found["gestational diabetes"] == found["pregnancy"] == found["penicillin"] == "family"
    assert found["fever"] == found["egg"] == "patient"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We see a lot of patients with covid now.", "en"),
        ("People with covid lose their smell.", "en"),
        ("Los pacientes con covid suelen mejorar.", "es"),
    ],
)
def test_what_many_people_have_is_not_the_patients(text: str, language: str) -> None:
    assert whose(text, language)["covid-19"] == "other"


def test_a_dictation_without_marks_keeps_mother_and_patient_apart() -> None:
    mentions = {each.concept: (each.experiencer, each.assertion) for each in facts(DICTATED, "en").mentions}
    assert mentions["rheumatoid arthritis"] == ("family", "present")
    assert mentions["amlodipine"] == mentions["crepitus"] == ("patient", "present")
    assert mentions["effusion"] == mentions["swelling"] == ("patient", "absent")
    assert mentions["osteoarthritis"][1] != "absent"


@pytest.mark.parametrize(
    "text",
    [
        "Los síntomas son tos y disnea.",
        "Las deposiciones son líquidas y presenta tos.",
        "Los antecedentes son: hipertensión, tos crónica.",
        "Son las 3 de la mañana, su hija la encontró confusa, con tos.",
    ],
)
def test_the_spanish_verb_son_is_no_son(text: str) -> None:
    assert set(whose(text, "es").values()) == {"patient"}


def test_an_english_son_is_one() -> None:
    assert whose("My son has asthma.")["asthma"] == whose("Son: asthma.")["asthma"] == "family"
