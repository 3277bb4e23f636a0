"""A few hundred of the made notes that `make quality` goes through by the thousand: no judge refuses a Bundle."""

from __future__ import annotations

import pytest

from tests.quality.bundles import judge
from tests.quality.made_notes import made_notes

NOTES = 300


@pytest.mark.parametrize("start", range(0, NOTES, 50))
def test_no_judge_refuses_the_bundle_of_a_made_note(start):
    notes = list(made_notes(start + 50))[start:]
    refused = {number: judge(number, note).refused for number, note in enumerate(notes, start)}
    assert {number: names for number, names in refused.items() if names} == {}


def test_the_same_seed_makes_the_same_notes_and_another_one_others():
    assert list(made_notes(20)) == list(made_notes(20))
    assert list(made_notes(20)) != list(made_notes(20, seed=2))
