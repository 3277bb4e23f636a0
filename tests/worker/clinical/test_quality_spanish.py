"""The floor beneath Spanish sentence sense, on the project's own sentences."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.quality.report import Gate
from tests.quality.sentence_sense import Answer
from tests.quality.spanish import answers, of_sentences

LEAST_SENTENCES = 150


@pytest.fixture(scope="module")
def every() -> list[Answer]:
    return answers()


def test_the_sense_of_spanish_sentences_is_read_as_well_as_a_release_needs(every: list[Answer]) -> None:
    gates = of_sentences(every)
    assert [each for each in gates if not each.met] == []


def test_a_gate_is_not_met_where_the_sense_is_read_wrong(every: list[Answer]) -> None:
    mute = [Answer(each.sentence, None) for each in every]
    assert not any(gate.met for gate in of_sentences(mute))
    assert isinstance(of_sentences(mute)[0], Gate)


def test_the_set_is_large_has_both_splits_and_gives_every_case_a_reason(every: list[Answer]) -> None:
    sentences = {each.sentence.text for each in every}
    assert len(sentences) >= LEAST_SENTENCES
    assert all(each.sentence.why for each in every)
    splits = Counter(each.sentence.split for each in every)
    assert splits["held"] * 3 >= splits["dev"] > 0


def test_each_way_of_saying_something_has_cases(every: list[Answer]) -> None:
    said = Counter(each.sentence.expected.assertion for each in every)
    assert min(said[each] for each in ("present", "absent", "possible", "hypothetical")) >= 15
    when = Counter(each.sentence.expected.temporality for each in every)
    assert min(when["past"], when["planned"]) >= 10
    assert sum(each.sentence.expected.experiencer != "patient" for each in every) >= 20
