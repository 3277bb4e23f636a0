"""The guard keeps to the figures that it was measured with, on the pairs that the project keeps."""

from __future__ import annotations

import pytest

from tests.quality import guard, mutations, truths
from tests.quality.guard import Count

MOST_ALARMS = 2
"""Of 101 true sentences; what these say is said in quite other words, or is cut short."""


@pytest.fixture(scope="module")
def found() -> Count:
    return guard.count(truths.own())


def test_the_guard_catches_nearly_every_sentence_in_which_one_thing_was_changed(found: Count) -> None:
    assert found.mutants.total() > 350
    assert found.recall >= 0.97


def test_the_guard_lets_true_sentences_pass(found: Count) -> None:
    assert found.truths.total() > 100
    assert found.alarms.total() <= MOST_ALARMS


def test_freely_reworded_sentences_are_told_from_false_ones() -> None:
    both = guard.reworded()
    assert sum(each.mutants.total() for each in both) >= 80
    assert sum(each.caught.total() for each in both) >= 0.97 * sum(each.mutants.total() for each in both)
    assert sum(each.alarms.total() for each in both) <= 0.3 * sum(each.truths.total() for each in both)


@pytest.mark.parametrize("kind", ["dose", "unit", "drug", "side", "person", "age", "date", "name"])
def test_the_guard_misses_none_of_the_changes_that_harm_most(found: Count, kind: str) -> None:
    assert found.mutants[kind]
    assert found.caught[kind] == found.mutants[kind]


def test_mutants_are_always_the_same_and_differ_from_what_is_true() -> None:
    true = truths.own()[2]
    made = mutations.mutants(true.sentence, true.source)
    assert made == mutations.mutants(true.sentence, true.source)
    assert {each.kind for each in made} >= {"dose", "unit", "drug", "frequency", "person", "name"}
    assert true.sentence not in {each.text for each in made}
