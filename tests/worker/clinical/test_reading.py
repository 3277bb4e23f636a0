"""Numbers, sentences, headings, languages and speakers: the ground that the rules stand on."""

from __future__ import annotations

import pytest

from worker.clinical.language import detect
from worker.clinical.reading import fold, read
from worker.clinical.sections import parts
from worker.clinical.sentences import split
from worker.clinical.turns import turns


@pytest.mark.parametrize(
    ("language", "spoken", "written"),
    [
        ("en", "five hundred milligrams", "500 milligrams"),
        ("en", "one forty-two over ninety-one", "142 over 91"),
        ("en", "ninety eight point six", "98.6"),
        ("en", "one oh five over seventy", "105 over 70"),
        ("en", "a hundred and twenty", "120"),
        ("en", "one fifty milligram tablet", "1 50 milligram tablet"),
        ("en", "two thousand nineteen", "2019"),
        ("en", "one and a half tablets", "1.5 tablets"),
        ("en", "three, four", "3, 4"),
        ("es", "quinientos miligramos", "500 miligramos"),
        ("es", "ciento cuarenta y dos sobre noventa y uno", "142 sobre 91"),
        ("es", "treinta y siete coma cinco", "37.5"),
        ("es", "dos mil diecinueve", "2019"),
        ("es", "una vez al día", "una vez al dia"),
    ],
)
def test_spoken_numbers_are_read_as_digits_and_keep_their_words(language: str, spoken: str, written: str) -> None:
    reading = read(spoken, language)
    assert reading.text == written
    assert reading.words(0, len(written)) == spoken


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("He saw Dr. Smith. He takes 2.5 mg. of warfarin.", 2),
        ("Takes metformin 500 mg. Denies pain.", 2),
        ("- cough\n- fever\n1. Rash\n2. Pain", 4),
        ("Any fever? No.", 2),
        ("He has had a headache since Monday that is worse in\nthe morning and better at night.", 1),
        ("Temp. 38.5. Pulse 80.", 2),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, count: int) -> None:
    assert len(split(read(text, "en"))) == count


def test_headings_in_english_and_spanish_are_found_with_their_bodies() -> None:
    note = "HPI:\nCough.\n\nPMH: asthma\nFamily History\nFather: stroke.\n\nAlergias: penicilina\nPLAN\nRest."
    reading = read(note, "en")
    assert [each.name for each in parts(reading)] == [
        "present_illness", "past_history", "family_history", "allergies", "plan",
    ]  # fmt: skip
    assert [reading.text[each.body : each.end].strip() for each in parts(reading)][1:3] == ["asthma", "father: stroke."]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("45 y/o M w/ HA x3d", "en"),
        ("The patient denies pain.", "en"),
        ("Paciente de 45 años con cefalea", "es"),
        ("Tengo dolor de cabeza desde hace tres días", "es"),
        ("", "en"),
    ],
)
def test_the_language_is_told_by_its_small_words(text: str, language: str) -> None:
    assert detect(fold(text)) == language


def test_speakers_come_from_tags_and_numbered_voices_from_who_asks() -> None:
    tagged = turns(read("Doctor: Any pain?\nPatient: No.", "en"))
    assert [each.speaker for each in tagged] == ["clinician", "patient"]
    voices = turns(read("Speaker 1: Any pain?\nSpeaker 2: No.\nSpeaker 1: Any fever?\nSpeaker 2: Yes.", "en"))
    assert [each.speaker for each in voices] == ["clinician", "patient", "clinician", "patient"]


def test_a_note_with_one_colon_is_no_conversation() -> None:
    assert turns(read("Patient: John. Plan: rest.", "en")) == []
