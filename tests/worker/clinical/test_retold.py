"""Of what a model writes about a conversation, only that stays which the conversation bears."""

from __future__ import annotations

import pytest

from tests.quality.guard import case_of
from worker.clinical import firm, grounds, guards, retold
from worker.clinical.mended import at_present, mended, ungendered, unstated, without_items

TALK = (
    "Doctor: How old are you?\nPatient: I'm fifty seven.\nDoctor: Do you drink alcohol or smoke?\n"
    "Patient: I do smoke but no alcohol.\nDoctor: Any fever, chills or cough?\nPatient: No.\n"
    "Doctor: We can proceed with a pulley release?\nPatient: What is that?\nDoctor: I will explain it in writing.\n"
    "Patient: My mother had lung cancer and died at ninety one."
)
NOTHING = (
    "Doctor: Any significant family history of disease?\nPatient: No.\nDoctor: Any other problems?\nPatient: Nope."
)
UNKNOWN = "Doctor: Any significant family history?\nPatient: No, I don't know anything."


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("He is a smoker.", "The patient is a smoker."),
        ("No fever, chills, cough, or rash.", "No fever, chills or cough."),
        ("Mother died at 91.", "Mother died at 91."),
    ],
)
def test_a_sentence_is_kept_in_words_that_the_text_bears(written: str, kept: str) -> None:
    assert kept in [each.text for each in retold.checked(case_of(TALK, "en"), [written], "drop", len(TALK)).narrative]


@pytest.mark.parametrize(
    "written",
    [
        "He is a nonsmoker.",
        "He has had a pulley release.",
        "She had lung cancer.",
        "The patient has been smoking for many years.",
        "Mother died at 90.",
        "The patient has had a rash since May.",
    ],
)
def test_a_sentence_that_the_conversation_does_not_bear_is_no_part_of_the_narrative(written: str) -> None:
    told = [each.text for each in retold.checked(case_of(TALK, "en"), [written], "drop", len(TALK)).narrative]
    assert written not in told
    assert ungendered(written) not in told


FIGHT = (
    "Doctor: What happened?\nPatient: I was in a fight. I punched that other guy in the face.\n"
    "Doctor: Do you smoke?\nPatient: I have smoked since I was ten years old.\n"
    "Doctor: Okay nurse, give him Dilaudid of four M G I M. I would like you to continue your exercises at home."
)


@pytest.mark.parametrize(
    "written",
    [
        "The patient was punched in the face.",
        "The patient has smoked for the past 10 years.",
        "Dilaudid of 4 mg once daily.",
        "The patient is doing well with exercises at home.",
    ],
)
def test_what_was_done_how_long_how_often_and_how_well_is_not_turned(written: str) -> None:
    source = grounds.read(case_of(FIGHT, "en"))
    assert not firm.is_firm(source, written, guards.check(source, written))


def test_who_states_it_is_left_out_and_what_is_so_now_is_no_history() -> None:
    text = "Doctor: You are sensitive to light, I see.\nPatient: Currently I just have left hip pain and shoulder pain."
    written = ["She states that she is sensitive to light. She has a history of left hip pain and shoulder pain."]
    told = [each.text for each in retold.checked(case_of(text, "en"), written, "drop", len(text)).narrative]
    assert told[:2] == ["The patient is sensitive to light.", "The patient has left hip pain and shoulder pain."]
    assert unstated("The patient reports they have a cough.") == "The patient has a cough."
    assert unstated("She states that pain is worse.") == "She states that pain is worse."
    assert at_present("No history of asthma.") == "No history of asthma."


@pytest.mark.parametrize("words", ["Noncontributory.", "None.", "Otherwise negative."])
def test_that_there_is_nothing_is_supported_where_all_was_denied(words: str) -> None:
    assert guards.check(grounds.read(case_of(NOTHING, "en")), words).support == "supported"
    assert guards.check(grounds.read(case_of(UNKNOWN, "en")), words).support == "unsupported"
    assert guards.check(grounds.read(case_of(TALK, "en")), words).support == "unsupported"


def test_the_rules_alone_speak_of_harm() -> None:
    text = "Doctor: Are you feeling suicidal?\nPatient: No, not right now."
    source = grounds.read(case_of(text, "en"))
    assert not firm.is_firm(source, "Denies feeling suicidal.", guards.check(source, "Denies feeling suicidal."))


@pytest.mark.parametrize("written", ["The patient has not been feeling any weakness.", "Denies leg swelling."])
def test_what_is_stated_anywhere_is_not_denied(written: str) -> None:
    text = (
        "Doctor: Anything else?\nPatient: I do have weakness on my right side. I don't have any weakness as such. "
        "My leg has some swelling.\nDoctor: Leg swelling?\nPatient: No."
    )
    source = grounds.read(case_of(text, "en"))
    assert not firm.is_firm(source, written, guards.check(source, written))


def test_he_and_she_become_the_patient() -> None:
    assert ungendered("She has had pain in her foot.") == "The patient has had pain in their foot."
    assert list(mended("The patient is a 58-year-old male with glaucoma."))[-1] == "The patient has glaucoma."
    assert without_items("No fever, chills, or rash.", lambda item: "rash" not in item) == "No fever or chills."
    assert without_items("No fever, chills, or rash.", lambda _: False) is None


def test_numbers_of_a_list_and_what_was_cut_off_are_no_sentences() -> None:
    assert retold.sentences("1. Asthma. 2. Diabetes. 3. He has had") == ["Asthma.", "Diabetes."]
    assert retold.sentences("She works for an I.T. company.") == ["She works for an IT company."]
    assert retold.sentences("- Back pain.\n2 days.") == ["Back pain."]


def test_what_was_said_before_is_not_said_again() -> None:
    text = "Doctor: What is it?\nPatient: I have left hip pain and shoulder pain."
    told = retold.checked(case_of(text, "en"), ["Left hip pain and shoulder pain. Left hip pain."], "drop", len(text))
    assert [each.text for each in told.narrative][:2] != ["Left hip pain and shoulder pain.", "Left hip pain."]
