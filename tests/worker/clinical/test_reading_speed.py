"""A note of two thousand words is read in the promised time, by every rule in proportion to its length."""

from __future__ import annotations

import re

import pytest

from tests.hostile import PIECES, grows, seconds
from tests.quality import spanish
from tests.quality.facts import GOLD
from tests.quality.matching import load
from tests.quality.sentence_sense import read_line
from worker.clinical.facts import facts
from worker.clinical.reading import read
from worker.clinical.terminology import terminology
from worker.identifiers.find import identifiers

NOTE_WORDS, NOTE_S = 2_000, 0.150
SCAN_CHARS, SCAN_S = 10_000, 0.020
"""As the product promises them on one core, without the BERT tagger."""
RUNS = 10
LENGTH = 1_500
SAID = (
    "pain ", "no pain, ", "denies ", "any pain? ", "any pain? no. ", "Doctor: any pain?\nPatient: no.\n", "he ", "(",
    "Patient: yes, aspirin 5 mg and ibuprofen.\n", "BP 120/80 ", "allergic to penicillin, ", "aspirin 5 mg, ",
    "Plan:\n", "mother had cancer and ", "twenty ", "plan: ", "sin fiebre ni tos, ", "yes. ", "Ada Byron, ",
    "if pain, ", "left ", "pain for three days ", "years old man ", "S.O.B. ", "\u0301", "🫀", "? ", "...",
)  # fmt: skip
"""Words that begin something, without an end."""


def _notes() -> str:
    return "\n\n".join(each.text for each in load(GOLD["notes"]))


def _dialogues() -> str:
    return "\n".join(each.text for each in load(GOLD["dialogues"]))


def _spanish() -> str:
    """Paragraphs of six sentences."""
    lines = spanish.SET.read_text(encoding="utf-8").splitlines()
    said = [read_line(each).text.strip() for each in lines if each and not each.startswith("#")]
    return "\n".join(" ".join(said[start : start + 6]) for start in range(0, len(said), 6))


@pytest.fixture(scope="module", params=[_notes, _dialogues, _spanish])
def long_note(request: pytest.FixtureRequest) -> str:
    """Its first two thousand words."""
    text = str(request.param())
    text = "\n\n".join([text] * (1 + NOTE_WORDS // len(text.split())))
    words = list(re.finditer(r"\S+", text))
    return text[: words[NOTE_WORDS - 1].end()]


def test_a_note_of_two_thousand_words_is_read_in_the_promised_time(long_note):
    assert len(facts(long_note).mentions) > 80
    assert seconds(facts, long_note, RUNS) < NOTE_S


def test_ten_thousand_characters_are_scanned_for_names_in_the_promised_time(long_note):
    language = facts(long_note).language
    assert seconds(lambda text: list(terminology().find(read(text, language))), long_note[:SCAN_CHARS], RUNS) < SCAN_S


@pytest.mark.parametrize("act", [facts, identifiers])
def test_the_same_words_again_and_again_take_time_in_proportion(act):
    act("Cough.")
    texts = {piece: lambda size, piece=piece: piece * (size // len(piece)) for piece in (*PIECES, *SAID)}
    assert [piece for piece, text in texts.items() if grows(act, text, LENGTH, times=1)] == []
