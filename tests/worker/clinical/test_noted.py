"""The facts of a conversation are told as a note tells them, and only those that it bears."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.case import Headed
from tests.quality.guard import case_of
from worker.clinical import firm, grounds, guards, noted
from worker.clinical.clauses import clauses


def told(text: str, header: str = "GENHX") -> list[str]:
    """The sentences of a conversation that belongs to one part of a note."""
    case = case_of(text, "en")
    headed = (Headed(header, 1.0, 0, len(text)),)
    case = replace(case, headed=headed)
    return [each.text for each in noted.noted(case, grounds.read(case))]


def test_age_complaints_and_denials_are_whole_sentences() -> None:
    text = "Doctor: How old are you?\nPatient: I'm fifty seven.\nDoctor: Fever?\nPatient: No.\nPatient: I have a cough."
    assert told(text) == ["The patient is a 57-year-old.", "The patient has cough.", "The patient denies fever."]


def test_an_answer_that_denies_one_of_two_things_says_nothing_of_the_other() -> None:
    text = "Doctor: Any abdominal pain or problems with urination?\nPatient: No problems with urination."
    assert not any("abdominal" in each for each in told(text))
    assert any("abdominal" in each for each in told(text.replace("No problems with urination", "No")))


def test_nobody_is_allergic_to_allergies() -> None:
    text = "Doctor: Do you have any allergies?\nPatient: No."
    assert told(text, "ALLERGY") == ["No known allergies."]
    assert [each.text for each in clauses(case_of(text, "en"))] == ["no known allergies"]


@pytest.mark.parametrize(
    "text",
    [
        "Doctor: Anything in your family?\nPatient: Do you mean like high blood pressure?\nDoctor: Yes.\nPatient: No.",
        "Doctor: Do you smoke?\nPatient: No cigarettes, but I drink and I smoke weed once in a while.",
    ],
)
def test_what_is_not_the_patients_or_another_habit_is_not_told(text: str) -> None:
    assert not any("has" in each or "smokes" in each for each in told(text, "FAM/SOCHX"))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Doctor: Are you married?\nPatient: I am not married but I have a son.", "The patient is married."),
        ("Patient: I have been a smoker since I was ten years old.", "The patient is a 10-year-old smoker."),
        ("Doctor: Spend eight hours out of the chair daily.", "Spend eight hours in the chair daily."),
    ],
)
def test_a_sentence_that_turns_what_was_said_is_not_firm(text: str, written: str) -> None:
    source = grounds.read(case_of(text, "en"))
    assert not firm.is_firm(source, written, guards.check(source, written))
