"""Every sign of danger of the own set is found, and none in its twins: denied, of kin, feared or past."""

from __future__ import annotations

import pytest

from tests.quality.redflags import TWINS, Danger, dangers
from worker.clinical.redflags import read_table

EVERY = list(dangers())


def _name(danger: Danger) -> str:
    return f"{danger.rule}-{danger.language}-{danger.twin or 'said'}"


@pytest.mark.parametrize("danger", EVERY, ids=_name)
def test_what_is_said_is_found_and_what_is_not_said_is_not(danger: Danger) -> None:
    assert danger.right, sorted(danger.found)


def test_the_set_is_as_large_as_it_must_be_in_both_languages() -> None:
    said = [each for each in EVERY if each.twin is None]
    assert len(said) >= 80
    assert len([each for each in said if each.language == "es"]) >= 35
    assert {each.twin for each in EVERY} == {None, *TWINS}


def test_nearly_every_rule_has_a_case() -> None:
    rules = {rule.id for rule in read_table().rules}
    assert rules - {each.rule for each in EVERY} <= {"chest-pain", "severe-hypertension"} | _ONLY_PARTS


_ONLY_PARTS = {"saddle-anaesthesia", "raised-intracranial-pressure"}
"""Rules that hold where a fuller one does not."""
