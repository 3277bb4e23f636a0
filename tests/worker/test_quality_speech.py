"""Word error rates count what was said wrongly, and not how it is spelled."""

from __future__ import annotations

import pytest

from tests.quality.spoken_words import compare, words


@pytest.mark.parametrize(
    ("said", "heard", "language"),
    [
        ("Blood pressure one forty-two over ninety-one.", "blood pressure 142 over 91", "en"),
        ("Ciento cuarenta y dos sobre noventa y uno.", "140 y 2 sobre 90 y 1", "es"),
        ("Quinientos miligramos a los setenta años, mil doscientos tres.", "500 miligramos a los 70 años 1203", "es"),
    ],
)
def test_numbers_are_the_same_however_they_are_spelled(said: str, heard: str, language: str) -> None:
    assert compare(said, heard, language).wrong == 0


def test_spanish_numbers_that_only_stand_together_stay_apart() -> None:
    assert words("dos y tres, 100 20, treinta y cuarenta", "es") == ["2", "y", "3", "100", "20", "30", "y", "40"]


def test_a_name_that_is_not_heard_and_one_that_nobody_said_count_beside_the_words() -> None:
    found = compare("Take metformin and 20 pills.", "Take met foreman and warfarin 30 pills.", "en")

    assert (found.names_wrong, found.names_said, found.names_invented) == (1, 1, 1)
    assert (found.numbers_wrong, found.numbers_said) == (1, 1)
    assert found.rate == pytest.approx(4 / 5)


def test_nothing_heard_leaves_every_word_wrong() -> None:
    assert compare("Thank you doctor.", "", "en").rate == 1.0
