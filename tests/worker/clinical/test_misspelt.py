"""Drugs are known by their sound, and no ordinary word is taken for one."""

from __future__ import annotations

import pytest

from worker.clinical.misspelt import Sounds
from worker.clinical.reading import read
from worker.clinical.terminology import BY_SOUND, terminology

ORDINARY = (
    "the train station, stains on a shirt, therapy, between questions, chills, seizures, vision, volume, mental, "
    "delayed, strain, sulfate, thirteen, mention, melena, person, vanish, nodule, western, fullness, provoked"
)


@pytest.mark.parametrize(
    ("written", "drug"),
    [
        ("metforman", "metformin"),
        ("lisinipril", "lisinopril"),
        ("tylonol", "acetaminophen"),
        ("ibuprophen", "ibuprofen"),
        ("flexaril", "cyclobenzaprine"),
        ("prednizone", "prednisone"),
        ("vicodon", "hydrocodone/acetaminophen"),
        ("enelapril", "enalapril"),
    ],
)
def test_a_misspelt_drug_is_known_and_less_sure(written: str, drug: str) -> None:
    found = [each.concept for each in terminology().find(read(f"I take {written} daily", "en"))]
    assert [(each.kind, each.confidence) for each in found] == [("medication", BY_SOUND)]
    assert found[0].name.split("/")[0] in drug


def test_ordinary_words_are_no_drugs() -> None:
    found = terminology().find(read(ORDINARY, "en"))
    assert [each.concept.name for each in found if each.concept.kind == "medication"] == []


def test_what_sounds_like_two_drugs_is_neither() -> None:
    sounds = Sounds({"celexan": 1, "celixan": 2, "lopressor": 3})
    assert (sounds.find("celoxan"), sounds.find("lopresser"), sounds.find("loppressor")) == (None, 3, 3)
