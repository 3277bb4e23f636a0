"""What a tagger adds to the rules: nothing that they know, nothing without a context, no code that is not sure."""

from __future__ import annotations

import pytest

from shared.case import Mention
from worker.clinical.facts import facts
from worker.clinical.tagged import Tagged
from worker.clinical.terminology import ICD


def joined(text: str, *names: tuple[str, str]) -> list[Mention]:
    """What becomes of the names, each with its kind, when a tagger finds them in the text."""
    tagged = [Tagged(kind, text.index(name), text.index(name) + len(name), 0.93) for name, kind in names]
    spans = {(each.start, each.end) for each in tagged}
    return [each for each in facts(text, "en", (), tagged).mentions if (each.start, each.end) in spans]


def only(text: str, name: str, kind: str = "Disease") -> Mention:
    (found,) = joined(text, (name, kind))
    return found


def test_what_the_dictionaries_do_not_hold_becomes_a_mention_with_the_taggers_probability() -> None:
    found = only("He has zorbitis of the left foot.", "zorbitis")
    assert (found.kind, found.concept, found.confidence, found.codes) == ("condition", "zorbitis", 0.93, ())


def test_a_name_of_the_dictionaries_wins_where_they_overlap() -> None:
    text = "She has pneumonia of the zorbic lobe and a fever."
    alone = facts(text, "en").mentions
    tagged = [Tagged("Disease", text.index("pneumonia"), text.index(" and"), 0.99)]
    assert facts(text, "en", (), tagged).mentions == alone
    assert any(each.concept == "pneumonia" for each in alone)


def test_nothing_is_read_within_a_heading_a_vital_sign_or_an_age() -> None:
    text = "Zorbitis Review:\nBP 142/91. 45-year-old man.\n"
    everywhere = [Tagged("Disease", at, at + 8, 0.99) for at in (text.index("BP"), text.index("45-"))]
    assert facts(text, "en", (), everywhere).mentions == facts(text, "en").mentions


@pytest.mark.parametrize(
    ("text", "sense"),
    [
        ("He denies zorbitis.", ("absent", "patient", "current")),
        ("History of zorbitis.", ("present", "patient", "past")),
        ("His mother had zorbitis.", ("present", "family", "current")),
        ("Possible zorbitis.", ("possible", "patient", "current")),
    ],
)
def test_the_rules_of_context_judge_it_like_any_other(text: str, sense: tuple[str, str, str]) -> None:
    found = only(text, "zorbitis")
    assert (found.assertion, found.experiencer, found.temporality) == sense
    assert found.cues


def test_its_last_word_makes_a_disease_a_symptom() -> None:
    assert only("She has zorbic burning today.", "zorbic burning").kind == "symptom"


def test_a_chemical_that_somebody_takes_is_a_medication_with_its_dose() -> None:
    found = only("She takes zorbafen 20 mg twice daily.", "zorbafen", "Chemical")
    assert found.kind == "medication"
    assert {each.name: each.value for each in found.attributes}.items() >= {"dose": "20", "unit": "mg"}.items()


def test_a_chemical_that_one_is_allergic_to_is_an_allergy() -> None:
    assert only("She is allergic to zorbafen.", "zorbafen", "Chemical").kind == "allergy"


@pytest.mark.parametrize("text", ["The zorbafen level was low.", "Serum zorbafen was low."])
def test_a_chemical_that_is_measured_is_no_medication(text: str) -> None:
    assert joined(text, ("zorbafen", "Chemical")) == []


def test_a_chemical_that_is_only_named_is_a_medication() -> None:
    assert only("Zorbafen was held over the weekend.", "Zorbafen", "Chemical").kind == "medication"


def test_words_that_say_which_illness_become_part_of_its_name() -> None:
    found = only("She has nocturnal dyspnea.", "nocturnal dyspnea")
    plain = next(each for each in facts("She has dyspnea.", "en").mentions)
    assert (found.text, found.concept, found.codes) == ("nocturnal dyspnea", plain.concept, plain.codes)


@pytest.mark.parametrize("name", ["severe dyspnea", "Endorses dyspnea", "cough or dyspnea"])
def test_degree_reporter_and_neighbours_are_no_part_of_a_name(name: str) -> None:
    text = f"{name}."
    found = facts(text, "en", (), [Tagged("Disease", 0, len(name), 0.99)]).mentions
    assert "dyspnea" in [each.text for each in found]


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("He takes oxygen 2 l at night.", "oxygen", "Chemical"),
        ("He follows up with his PCP.", "PCP", "Disease"),
        ("He works for ABC ABC.", "ABC ABC", "Chemical"),
        ("It is a chronic disorder.", "disorder", "Disease"),
        ("She is allergic to penicillin.", "allergic", "Disease"),
        ("He felt 🙂🙂 today.", "🙂🙂", "Disease"),
    ],
)
def test_what_names_nothing_in_particular_is_left_out(text: str, name: str, kind: str) -> None:
    assert joined(text, (name, kind)) == []


def test_a_whole_name_in_british_spelling_has_the_code_of_the_american_one() -> None:
    found = only("He developed septicaemia.", "septicaemia")
    american = next(each for each in facts("He developed septicemia.", "en").mentions)
    assert (found.concept, found.codes) == (american.concept, american.codes)
    assert {each.system for each in found.codes} >= {ICD}


def test_offsets_are_those_of_the_source_behind_numbers_in_words_and_accents() -> None:
    text = "🙂 At twenty five years ce\u0301line had zorbitis\r\nand a ZORBIC burning."
    found = joined(text, ("zorbitis", "Disease"), ("ZORBIC burning", "Disease"))
    assert [each.text for each in found] == ["zorbitis", "ZORBIC burning"]


def test_an_order_that_a_clinician_only_asks_about_is_no_fact() -> None:
    text = "Doctor: Any zorbitis?\nPatient: No, never.\n"
    (found,) = joined(text, ("zorbitis", "Disease"))
    assert found.assertion == "absent"


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("No pain with extension of the lower leg.", "extension of the lower leg", "Disease"),
        ("I have recommended a knee brace.", "knee brace", "Disease"),
        ("Fluctuance was noted over the right patella.", "patella", "Disease"),
        ("The flexor digitorum superficialis was intact.", "flexor digitorum superficialis", "Disease"),
        ("Negative McMurphy's sign.", "McMurphy", "Chemical"),
        ("A zorbafen-resistant germ grew.", "zorbafen", "Chemical"),
        ("She fell from a trampoline.", "trampoline", "Chemical"),
        ("He will use crutches.", "crutches", "Chemical"),
        ("Ms. Zorba describes her pain.", "Zorba", "Chemical"),
        ("Zorba Zorbas is a 58-year-old man.", "Zorba Zorbas", "Disease"),
    ],
)
def test_parts_of_the_body_acts_and_words_said_of_something_else_are_left_out(text: str, name: str, kind: str) -> None:
    assert joined(text, (name, kind)) == []


def test_a_part_of_the_body_that_is_ill_stays() -> None:
    assert only("She has torn zorbic tendons.", "torn zorbic tendons").kind == "condition"
