"""Allergies against drugs: the same drug, one of its class, and one that crosses, in two languages and by brand."""

from __future__ import annotations

import pytest

from worker.clinical.cross_reactions import clash, drug_classes, drugs


@pytest.mark.parametrize(
    ("allergy", "drug", "how"),
    [
        ("penicillin", "augmentin", "conflict"),
        ("penicilina", "amoxicilina", "conflict"),
        ("amoxicillin", "penicillin", "conflict"),
        ("penicillin", "cephalexin", "cross"),
        ("keflex", "amoxicillin", "cross"),
        ("sulfa", "bactrim", "conflict"),
        ("aspirin", "motrin", "conflict"),
        ("lisinopril", "enalapril", "conflict"),
        ("codeine", "tramadol", "cross"),
        ("ciprofloxacin", "levofloxacin", "conflict"),
        ("penicillin", "azithromycin", None),
        ("peanut", "amoxicillin", None),
    ],
)
def test_an_allergy_speaks_against_its_class_and_what_crosses(allergy: str, drug: str, how: str | None) -> None:
    assert clash([allergy], [drug]) == how


def test_the_drugs_of_a_line_are_found_by_brand_and_by_class() -> None:
    named = set().union(*drugs("Take Advil, no other NSAIDs, after the CT.", "en"))
    assert {"ibuprofen", "nsaids"} <= named
    assert drugs("Order an MRI of the spine.", "en") == ()


def test_each_name_of_the_table_is_in_small_letters() -> None:
    every = [name for each in drug_classes() for name in each.words | each.same | each.cross]
    assert every == [name.lower().strip() for name in every]
