"""What the check catches: bundles that were broken on purpose, one rule at a time."""

from __future__ import annotations

import ast
import copy
from decimal import Decimal
from pathlib import Path

import pytest

from tests.worker.fhir.breaks import BREAKS, entry, quantity
from tests.worker.fhir.cases import resources, sound
from worker.fhir.check import problems
from worker.fhir.elements import read, write
from worker.fhir.problem import MOST, Problem, outcome


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_bundle_is_caught_by_its_rule(note, name):
    rule, damage = BREAKS[name]
    broken = copy.deepcopy(sound(note))
    damage(broken)
    assert rule in {each.rule for each in problems(broken)}


def test_a_sound_bundle_has_no_problems_before_and_after_the_wire(note):
    built = sound(note)
    assert problems(built) == []
    assert problems(read(write(built))) == []


def test_a_sound_collection_and_a_sound_document_pass(note):
    built = sound(note)
    for each in built["entry"]:
        each.pop("request")
    assert problems({**built, "type": "collection"}) == []
    composition = entry(built, "Composition")
    rest = [each for each in built["entry"] if each is not composition]
    assert problems({**built, "type": "document", "entry": [composition, *rest]}) == []


def test_no_problem_says_what_the_note_says(note):
    broken = sound(note)
    for each in resources(broken, "Condition"):
        each["code"] = {"coding": [{"system": "http://secret.example/migraine", "code": "mi graine"}]}
        each["recordedDate"] = "migraine"
        each["onsetString"] = ["migraine"]
    found = problems(broken)
    assert found
    assert "migraine" not in repr(found)


def test_an_outcome_names_each_broken_rule():
    issue = outcome([Problem("con-5", "Bundle.entry[0].resource", "an error has no clinicalStatus")])["issue"]
    assert issue == [
        {
            "severity": "error",
            "code": "invariant",
            "diagnostics": "con-5: an error has no clinicalStatus",
            "expression": ["Bundle.entry[0].resource"],
        }
    ]


def test_an_outcome_of_very_many_problems_counts_the_rest():
    issues = outcome([Problem("con-5", "Bundle", "x")] * (MOST + 7))["issue"]
    assert len(issues) == MOST + 1
    assert issues[-1]["diagnostics"] == "7 more problems are not listed"


def test_an_outcome_without_problems_says_so():
    assert outcome([])["issue"][0]["severity"] == "information"


def test_a_decimal_that_is_no_number_is_caught(note):
    broken = sound(note)
    quantity(broken)["value"] = Decimal("NaN")
    assert problems(broken)


def test_only_r4b_models_are_imported():
    for path in [*Path("worker/fhir").glob("*.py"), *Path("worker/stages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fhir."):
                assert node.module.startswith("fhir.resources.R4B"), path
