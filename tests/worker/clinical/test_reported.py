"""What the speakers of a conversation say of the patient is told in the third person, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.case import Headed
from tests.quality.guard import case_of
from worker.clinical import grounds, narrated
from worker.clinical.reported import reported


def told(text: str) -> list[str]:
    """The reported sentences of a conversation."""
    return [each.text for each in reported(case_of(text, "en"))]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("I've had low back pain for about eight years now.", "The patient has had low back pain for about 8 years."),
        ("Um, my dad had colon cancer.", "The patient's father had colon cancer."),
        ("I am going home with my son.", "The patient is going home with their son."),
        ("I smoke and drink.", "The patient smokes and drinks."),
        ("I don't smoke but my husband does smoke.", "The patient does not smoke but their husband does smoke."),
        ("I used to smoke.", "The patient used to smoke."),
        ("They gave me pills for it.", "The patient was given pills."),
        ("I have this wart on my finger.", "The patient has a wart on their finger."),
        ("I do have a cough, you know.", "The patient has a cough."),
        ("I hurt my left foot yesterday.", "The patient hurt their left foot yesterday."),
        ("I am married and have two sons.", "The patient is married and has two sons."),
    ],
)
def test_the_patients_own_statement_is_put_into_the_third_person(said: str, wanted: str) -> None:
    assert told(f"Doctor: What is going on?\nPatient: {said}") == [wanted]


@pytest.mark.parametrize(
    "said",
    [
        "It hurts.",
        "I think I have the flu.",
        "I haven't yet.",
        "They said that.",
        "I'm fine, thank you.",
        "Do you think I have the flu?",
        "I've had four.",
        "He had a stroke.",
        "We eat too much rice.",
        "Oh sure, you must be kidding.",
        "I grok my leg.",
    ],
)
def test_what_is_hedged_half_said_or_of_somebody_unnamed_is_left_out(said: str) -> None:
    assert told(f"Doctor: Tell me more about that.\nPatient: {said}") == []


@pytest.mark.parametrize(
    ("asked", "answered", "wanted"),
    [
        ("Do you smoke?", "Nope.", ["The patient does not smoke."]),
        ("Do you smoke?", "Yes.", ["The patient smokes."]),
        ("Do you smoke or drink?", "Yes.", []),
        ("Do you still smoke?", "No.", []),
        ("Do you smoke?", "I don't know.", []),
        ("Do you take insulin?", "I did.", []),
        ("Have you never smoked?", "No.", []),
        ("You don't smoke, right?", "Right.", []),
        ("Do you smoke?", "No. Well, sometimes.", []),
        ("Did you see a doctor?", "Yes.", ["The patient saw a doctor."]),
        ("Do you have any chest pain?", "No.", ["The patient denies any chest pain."]),
        ("Did that make it worse?", "Yes.", []),
        ("Does diabetes run in your family?", "No.", ["There is no known family history of diabetes."]),
        ("You had asthma as a child, correct?", "Yes.", ["The patient had asthma as a child."]),
        (
            "When were you diagnosed with type two diabetes?",
            "Two years ago.",
            ["The patient was diagnosed with type 2 diabetes 2 years ago."],
        ),
        ("How many kids do you have?", "Two.", ["The patient has two kids."]),
        (
            "What happens when you take penicillin?",
            "I get a bad rash.",
            ["When the patient takes penicillin, they get a bad rash."],
        ),
    ],
)
def test_a_short_answer_is_told_with_its_question_where_both_are_certain(
    asked: str, answered: str, wanted: list[str]
) -> None:
    assert told(f"Doctor: {asked}\nPatient: {answered}") == wanted


def test_a_clause_that_turns_the_one_before_takes_it_along() -> None:
    assert told("Doctor: Pain?\nPatient: I had a rash, but it's gone now.") == [
        "The patient had a rash, but it is gone."
    ]
    assert told("Doctor: Pain?\nPatient: I take aspirin, but I think I stopped it.") == []


def test_he_is_the_relative_who_was_just_named() -> None:
    text = "Doctor: Anything in your family?\nPatient: My brother is sick. He had a heart attack."
    assert told(text)[-1] == "The patient's brother had a heart attack."


def test_a_man_is_called_he_only_where_his_sex_is_told() -> None:
    text = "Doctor: What is it, {}?\nPatient: I have a cough. I have a fever."
    assert told(text.format("sir")) == ["The patient has a cough.", "He has a fever."]
    assert told(text.format("dear")) == ["The patient has a cough.", "The patient has a fever."]


def test_a_clinicians_result_and_plan_are_told_and_kind_words_are_not() -> None:
    text = (
        "Doctor: Your chest x ray showed pneumonia. You are doing great. We will start you on amoxicillin.\n"
        "Patient: Is that bad?\nDoctor: No."
    )
    assert told(text) == [
        "The patient's chest x ray showed pneumonia.",
        "The patient will be started on amoxicillin.",
    ]


def test_what_a_parent_says_of_a_child_is_told_of_the_patient_and_of_himself_is_not() -> None:
    text = "Doctor: How is he?\nGuest_family: He threw up twice. I had the flu last week. He has a fever."
    assert told(text) == ["The patient threw up twice.", "He has a fever."]


def test_nobody_elses_daughter_becomes_the_patient() -> None:
    text = "Doctor: Has she had any surgeries?\nGuest_family: Maybe her daughter knows. She is out of town."
    assert told(text) == []


def test_each_sentence_rests_on_the_words_it_tells() -> None:
    case = case_of("Doctor: Hello.\nPatient: Well, I have a cough. I am tired.", "en")
    assert [case.quote(each.evidence[0]) for each in reported(case)] == ["Well, I have a cough.", "I am tired."]


def test_nothing_is_reported_of_another_language() -> None:
    assert reported(case_of("Doctor: Que tal?\nPatient: I have a cough.", "es")) == ()


def test_a_habit_is_not_told_twice_and_not_against_what_was_said() -> None:
    text = "Doctor: Can I put down that you don't smoke?\nPatient: Yes, I don't do those."
    case = case_of(text, "en")
    case = replace(case, headed=(Headed("FAM/SOCHX", 1.0, 0, len(text)),))
    assert not any("smokes" in each.text for each in narrated.rules(case, grounds.read(case)))


def test_a_narrative_names_the_patient_first() -> None:
    case = case_of("Doctor: Your age, sir?\nPatient: I'm forty. I have a cough. I have a fever.", "en")
    assert next(iter(narrated.rules(case, grounds.read(case)))).text == "The patient is a 40-year-old male."
