"""English sentence sense holds its floors on the project's own set, and any place of a text can be judged."""

from __future__ import annotations

from itertools import product

import pytest

from tests.quality import english
from tests.quality.sentence_sense import Answer, share
from worker.clinical.judge import ONLY_ASKED, sense_of

FLOOR = 0.97
"""Above the gates of a release (0.95), so that a rule that breaks much is seen before they are."""
FEWEST = 360


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return english.answers()


@pytest.mark.parametrize("split", english.SPLITS)
@pytest.mark.parametrize("judged", ["polarity", "assertion", "person", "time"])
def test_each_part_of_the_english_sentences_is_read_right(answers: list[Answer], split: str, judged: str) -> None:
    asked = [each for each in answers if each.sentence.split == split]
    wrong = [each.sentence.text for each in asked if not getattr(each, judged)]
    assert share(getattr(each, judged) for each in asked) >= FLOOR, wrong


def test_the_set_is_as_large_as_promised_and_no_sentence_is_asked_twice(answers: list[Answer]) -> None:
    places = [(each.sentence.text, each.sentence.start) for each in answers]
    assert len(places) == len(set(places))
    assert len({text for text, _ in places}) >= FEWEST


@pytest.mark.parametrize(
    ("text", "words", "sense"),
    [
        ("There was no flimsy gadget, wobble or frantic doodad.", "frantic doodad", ("absent", "patient", "current")),
        ("Her mother had a wobble of the doodad.", "wobble of the doodad", ("present", "family", "current")),
        ("History of doodad repair.", "doodad repair", ("present", "patient", "past")),
    ],
)
def test_words_that_no_dictionary_knows_are_judged_where_they_stand(
    text: str, words: str, sense: tuple[str, ...]
) -> None:
    start = text.index(words)
    found = sense_of(text, start, start + len(words), "en")
    assert (found.assertion, found.experiencer, found.temporality) == sense


def test_what_is_only_asked_stays_open() -> None:
    text = "Doctor: Do you have a fever?\nPatient: My knee hurts."
    start = text.index("fever")
    assert sense_of(text, start, start + len("fever")) == ONLY_ASKED


@pytest.mark.parametrize(("start", "end"), [*product([0, 3], [0, 3]), (-1, 2), (40, 50)])
def test_a_place_without_words_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no words"):
        sense_of("   no pain", start, end)
