"""The facts of annotated notes and dialogues stay found as well as a release needs."""

import pytest

from shared.case import Mention
from tests.quality import facts
from tests.quality.matching import Fact, Text, load, match

FEWEST = 10
"""Facts that a share of a small set is worth asking for."""
TEXTS = [text for path in facts.GOLD.values() for text in load(path)]


@pytest.fixture(scope="module")
def everything() -> facts.Found:
    return facts.found(TEXTS)


def test_the_facts_of_annotated_texts_are_found_as_well_as_a_release_needs(everything):
    assert [(each.name, each.figure) for each in facts.gates(everything) if not each.met] == []


@pytest.mark.parametrize(("sense", "floor"), [("assertion", 0.95), ("experiencer", 0.98), ("temporality", 0.93)])
def test_facts_that_are_found_are_read_in_the_right_sense(everything, sense, floor):
    assert everything.sense(sense).share >= floor


@pytest.mark.parametrize("source", [each for each in facts.FRESH if "notes" in each])
def test_the_facts_of_notes_that_were_annotated_later_are_found_too(source):
    gates = [each for each in facts.gates(facts.found(load(facts.FRESH[source]))) if each.of and each.of >= FEWEST]
    assert [(each.name, each.figure) for each in gates if not each.met] == []


def test_each_split_of_the_annotated_texts_has_facts():
    assert {text.split for text in TEXTS} == {"dev", "held"}
    assert sum(bool(text.facts) for text in TEXTS) >= 40


def _mention(start: int, end: int, text: str, kind: str = "symptom") -> Mention:
    return Mention("m1", kind, start, end, text, concept=text)  # type: ignore[arg-type]


def test_a_fact_mentioned_twice_is_right_once_and_a_concept_that_no_fact_has_is_too_many_once():
    cough = Fact("condition", ((0, 5), (10, 15)), "cough")
    text = Text("t", "dev", "cough and cough, fever, fever", (cough, Fact("symptom", ((17, 18),), "x", optional=True)))
    mentions = [
        _mention(0, 5, "cough"),
        _mention(10, 15, "cough"),
        _mention(24, 29, "fever"),
        _mention(24, 29, "fever"),
    ]
    found = match(text, [*mentions, _mention(17, 22, "fever")])
    assert (len(found.pairs), len(found.missed), len(found.extra)) == (1, 0, 1)


def test_a_mention_of_another_kind_leaves_a_fact_missed():
    text = Text("t", "dev", "aspirin", (Fact("medication", ((0, 7),), "aspirin"),))
    found = match(text, [_mention(0, 7, "aspirin", "allergy")])
    assert (len(found.pairs), len(found.missed), len(found.extra)) == (0, 1, 1)
