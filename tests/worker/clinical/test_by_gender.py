"""A code that tells the sex is given where the text tells it too, and not otherwise."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts
from worker.clinical.terminology import ICD


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("62-year-old woman with breast cancer.", "C50.919"),
        ("62-year-old man with breast cancer.", "C50.929"),
        ("She was treated for breast cancer in 2019.", "C50.919"),
        ("He was treated for breast cancer in 2019.", "C50.929"),
        ("History of breast cancer.", None),
        ("He says his mother had breast cancer.", "C50.919"),
        ("She says her father had breast cancer.", "C50.929"),
        ("Family history of breast cancer.", None),
        ("Mujer de 60 años con cáncer de mama.", "C50.919"),
        ("Varón de 60 años con cáncer de mama.", "C50.929"),
    ],
)
def test_breast_cancer_is_coded_by_the_sex_of_whoever_has_it(text: str, code: str | None) -> None:
    language = "es" if "mama" in text else "en"
    found = [each for each in facts(text, language).mentions if each.concept == "breast cancer"]
    assert [each.code for one in found for each in one.codes if each.system == ICD] == ([code] if code else [])
    assert len(found) == 1
