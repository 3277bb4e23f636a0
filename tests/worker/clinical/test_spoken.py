"""Speech that a recogniser wrote down without punctuation is read sentence by sentence."""

from __future__ import annotations

from itertools import pairwise

import pytest

from worker.clinical.facts import facts
from worker.clinical.reading import read
from worker.clinical.spoken import borders
from worker.clinical.turns import Turn

RUN_ON = (
    "okay well if it's alright with you i'd like to take a quick look at you now your temperature was one hundred and "
    "one today and i do hear some wheezes on the left i don't hear any crackles so you have a touch of bronchitis and "
    "i want to start you on prednisone forty milligrams daily call me if you get short of breath"
)


def sentences_of(text: str) -> list[str]:
    cuts = [0, *sorted(borders(read(text, "en"), [Turn("clinician", 0, len(text))])), len(text)]
    return [text[start:end].strip() for start, end in pairwise(cuts)]


def test_a_run_on_turn_is_cut_where_a_speaker_would_pause() -> None:
    assert sentences_of(RUN_ON.replace("one hundred and one", "101").replace("forty", "40"))[1:5] == [
        "i'd like to take a quick look at you",
        "now your temperature was 101 today",
        "and i do hear some wheezes on the left",
        "i don't hear any crackles",
    ]


def test_short_or_punctuated_speech_is_left_alone() -> None:
    assert sentences_of("i feel tired and i have a cough") == ["i feel tired and i have a cough"]


def test_an_if_at_the_beginning_does_not_make_the_whole_examination_hypothetical() -> None:
    found = facts(f"[doctor] {RUN_ON}\n[patient] okay").mentions
    assert [(each.concept, each.assertion, each.temporality) for each in found] == [
        ("body temperature", "present", "current"),
        ("wheezing", "present", "current"),
        ("crackles", "absent", "current"),
        ("bronchitis", "present", "current"),
        ("prednisone", "present", "planned"),
        ("dyspnea", "hypothetical", "current"),
    ]


@pytest.mark.parametrize("answer", ["no i have not", "no", "nope not really"])
def test_a_question_at_the_end_of_a_run_on_turn_is_a_question(answer: str) -> None:
    text = (
        "[doctor] well that is great to hear and i am glad you are back on the team this year that sounds like fun "
        f"well have you experienced any numbness in that foot\n[patient] {answer}"
    )
    assert [(each.text, each.assertion) for each in facts(text).mentions] == [("numbness", "absent")]
