"""What may be wrong with a transcript is said, without a word of it."""

from __future__ import annotations

import pytest

from shared.case import Segment
from tests.worker.scripted import SURE, phrase
from worker.audio import doubts
from worker.audio.engine import Doubts
from worker.audio.lines import Line, Said
from worker.audio.loops import is_stuck


def line(text: str, *, about: Doubts = SURE, sure: float = 0.95) -> Line:
    return Line(None, tuple(Said(word, about) for word in phrase(text, sure=sure).words))


@pytest.mark.parametrize("text", ["you you you you you you", "a b c a b c a b c", "x and so on and so on and so on"])
def test_words_said_again_and_again_are_a_loop(text: str) -> None:
    assert is_stuck(text.split())


@pytest.mark.parametrize(
    "text",
    ["no no no", "very very bad and very very long", "one two three one two three", "pain in the pain in the arm", ""],
)
def test_what_people_do_repeat_is_no_loop(text: str) -> None:
    assert not is_stuck(text.split())


def test_a_clear_line_has_no_flags() -> None:
    assert doubts.flags(line("I have a headache."), []) == ()


@pytest.mark.parametrize(
    ("doubted", "flag"),
    [
        (line("I have a headache.", sure=0.3), "low_confidence"),
        (line("I have a headache.", about=Doubts(-1.4, 0.1, 1.2)), "low_confidence"),
        (line("I have a headache.", about=Doubts(-0.2, 0.1, 3.1)), "repetition"),
        (line("hm hm hm hm hm hm"), "repetition"),
        (line("you", about=Doubts(-0.8, 0.9, 1.0), sure=0.3), "no_speech"),
        (line("Thanks for watching!"), "boilerplate"),
    ],
)
def test_each_detector_flags_its_line(doubted: Line, flag: str) -> None:
    assert flag in doubts.flags(doubted, [])


def test_the_same_line_three_times_is_a_loop_over_lines() -> None:
    again = line("Take it slowly.")

    assert doubts.flags(again, [again]) == ()
    assert doubts.flags(again, [again, again]) == ("repetition",)


def test_speech_without_words_is_a_hole_wherever_it_is() -> None:
    words = [*phrase("one two", 5.0, 6.0).words, *phrase("three", 12.0, 20.0).words]

    assert list(doubts.holes(words, 28.0)) == [(0.0, 5.0), (6.0, 12.0), (13.5, 28.0)]


def test_steady_speech_has_no_holes() -> None:
    assert list(doubts.holes(phrase("a b c d e f g h i j", 0.5, 27.0).words, 28.0)) == []


def test_warnings_give_times_and_no_content() -> None:
    segments = [Segment(0, 4, 61.2, 63.0, flags=("repetition",)), Segment(5, 9, 70.0, 71.0, flags=("repetition",))]

    found = doubts.warnings(segments, [(125.0, 131.5)])

    assert found == (
        "At 1:01, 1:10 the recogniser repeated itself and the words may not have been said.",
        "Speech from 2:05 to 2:11 may be missing from the transcript.",
    )
