"""What a drug did: every reaction of an allergy, and allergies that only a reaction tells of."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts

Told = list[tuple[str, str | None, str, list[str]]]


def told(text: str, language: str = "en") -> Told:
    return [
        (each.kind, each.concept, each.assertion, [one.value for one in each.attributes if one.name == "reaction"])
        for each in facts(text, language).mentions
    ]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (
            "Allergies: penicillin (rash, hives), sulfa - anaphylaxis.",
            "en",
            [("penicillin", ["rash", "hives"]), ("sulfonamides", ["anaphylaxis"])],
        ),
        ("Penicillin (rash, hives).", "en", [("penicillin", ["rash", "hives"])]),
        ("Allergic to cefdinir -> diarrhea.", "en", [("cefdinir", ["diarrhea"])]),
        ("He got hives from amoxicillin.", "en", [("amoxicillin", ["hives"])]),
        ("I can't take codeine because it makes me nauseous.", "en", [("codeine", ["nausea"])]),
        ("No puede tomar ibuprofeno porque le da asma.", "es", [("ibuprofen", ["asthma"])]),
        ("No tolera la metformina por diarrea.", "es", [("metformin", ["diarrhea"])]),
        ("Alérgica a penicilina (urticaria, edema facial).", "es", [("penicillin", ["hives", "facial swelling"])]),
    ],
)
def test_each_reaction_belongs_to_its_drug_and_is_no_finding_of_its_own(
    text: str, language: str, expected: list[tuple[str, list[str]]]
) -> None:
    assert told(text, language) == [("allergy", drug, "present", reacted) for drug, reacted in expected]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("No rash from amoxicillin.", "en"),
        ("She had a rash treated with hydrocortisone.", "en"),
        ("No puede tomar AINEs por insuficiencia renal.", "es"),
        ("Takes metformin (diabetes).", "en"),
    ],
)
def test_what_no_drug_did_makes_no_allergy(text: str, language: str) -> None:
    assert not any(kind == "allergy" for kind, *_ in told(text, language))


def test_an_illness_that_the_next_sentence_tells_is_no_reaction() -> None:
    found = told("I'm allergic to eggs. I have asthma.")
    assert ("allergy", "egg", "present", []) in found
    assert any(concept == "asthma" and kind == "condition" for kind, concept, *_ in found)
