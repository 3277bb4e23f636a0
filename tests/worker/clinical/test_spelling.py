"""Words in pieces are read whole, and every character still knows its source."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts
from worker.clinical.reading import read


@pytest.mark.parametrize(
    ("source", "whole"),
    [
        ("i do n't hear it and she 's fine", "i don't hear it and she's fine"),
        ("i 'm gon na go , lem me see", "i'm gonna go , let me see"),
        ("history of C O P D", "history of copd"),
        ("forty M G I M once", "40 mg im once"),
        ("an upper G I bleed", "an upper gi bleed"),
        ("they did a C T I think", "they did a ct i think"),
        ("Plan B I guess", "plan b i guess"),
    ],
)
def test_words_in_pieces_are_read_whole(source: str, whole: str) -> None:
    assert read(source, "en").text == whole


def test_an_abbreviation_spoken_letter_by_letter_is_found_where_it_stands() -> None:
    text = "Nurse, she has C O P D. Give her lorazepam, 2 M G I M."
    condition, drug = facts(text).mentions
    assert (condition.text, condition.codes[0].code) == ("C O P D", "J44.9")
    assert [(each.name, each.value) for each in drug.attributes][:3] == [
        ("dose", "2"),
        ("unit", "mg"),
        ("route", "I M"),
    ]
    assert all(text[each.span.start : each.span.end] for each in drug.attributes if each.span)


def test_what_a_recogniser_wrote_apart_still_denies() -> None:
    assert [each.assertion for each in facts("Lungs: i do n't hear any wheezes or crackles.").mentions] == [
        "absent"
    ] * 2
