"""What a list or a switch says of a drug: stopped, new, continued."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts

TABLE = """Discharge medications:
| Medication | Dose | Route | Frequency | Status |
| furosemide | 40 mg | PO | twice daily | CHANGED |
| apixaban | 5 mg | PO | BID | NEW |
| lisinopril | 20 mg | PO | daily | STOP |
| tiotropium | 18 mcg | inhaled | daily | CONTINUE |
"""
HEADINGS = """STOP taking these medications:

lisinopril 20 mg
naproxen

CONTINUE taking these medications:
metformin 500 mg BID

START taking:
apixaban 5 mg BID

He feels well on omeprazole.
"""


def drugs(text: str, language: str = "en") -> dict[str, tuple[str, str | None]]:
    found = facts(text, language).mentions
    return {
        each.concept or each.text: (each.temporality, each.attribute("status"))
        for each in found
        if each.kind == "medication"
    }


def test_the_last_column_of_a_table_tells_what_becomes_of_a_drug() -> None:
    assert drugs(TABLE) == {
        "furosemide": ("current", "active"),
        "apixaban": ("current", "started"),
        "lisinopril": ("past", "stopped"),
        "tiotropium": ("current", "continued"),
    }


def test_a_heading_tells_what_becomes_of_the_drugs_beneath_it() -> None:
    told = drugs(HEADINGS)
    assert told["lisinopril"] == told["naproxen"] == ("past", "stopped")
    assert told["metformin"] == ("current", "continued")
    assert told["apixaban"][1] == "started"
    assert told["omeprazole"][0] == "current"


@pytest.mark.parametrize(
    ("text", "language", "old", "new"),
    [
        ("Warfarin was switched to apixaban.", "en", "warfarin", "apixaban"),
        ("She was switched from sertraline to venlafaxine 75 mg daily.", "en", "sertraline", "venlafaxine"),
        ("Heparin 5000 units was then changed to enoxaparin.", "en", "heparin", "enoxaparin"),
        ("Se cambia enalapril por losartán 50 mg.", "es", "enalapril", "losartan"),
        ("Se sustituye el ibuprofeno por paracetamol.", "es", "ibuprofen", "acetaminophen"),
    ],
)
def test_a_drug_that_is_switched_to_another_has_ended(text: str, language: str, old: str, new: str) -> None:
    told = drugs(text, language)
    assert told[old] == ("past", "stopped")
    assert told[new] == ("current", "started")


@pytest.mark.parametrize(
    "text",
    [
        "Sertraline was changed to 100 mg daily.",
        "He takes lisinopril and metformin.",
        "Takes aspirin; a new rash appeared.",
    ],
)
def test_a_change_of_dose_ends_no_drug(text: str) -> None:
    assert all(temporality == "current" for temporality, _ in drugs(text).values())


@pytest.mark.parametrize(
    ("text", "language", "drug"),
    [
        ("She overdosed on acetaminophen at age 19.", "en", "acetaminophen"),
        ("Ingesta de 20 comprimidos de paracetamol.", "es", "acetaminophen"),
        ("He did not tolerate metformin.", "en", "metformin"),
        ("No tolera AINEs por gastritis.", "es", "nonsteroidal anti-inflammatory drug"),
    ],
)
def test_what_was_taken_too_much_of_or_not_tolerated_is_not_taken(text: str, language: str, drug: str) -> None:
    told = drugs(text, language)
    assert told.get(drug, ("past", None))[0] == "past"


def test_a_remark_may_say_why() -> None:
    assert drugs("warfarin 5 mg - hold until INR < 3") == {"warfarin": ("past", "stopped")}


def test_a_route_before_the_next_drug_is_not_the_last_ones() -> None:
    first, second = facts("IV vancomycin was changed to oral linezolid.", "en").mentions
    assert (first.concept, first.attribute("route"), second.concept) == ("vancomycin", None, "linezolid")


def test_how_strong_a_syrup_is_is_not_its_dose() -> None:
    [drug] = facts("amoxicillin 400 mg/5 mL, 7.5 mL BID x 10 days", "en").mentions
    assert (drug.attribute("dose"), drug.attribute("unit")) == ("7.5", "mL")
    [alone] = facts("amoxicillin 400 mg/5 mL BID", "en").mentions
    assert (alone.attribute("dose"), alone.attribute("unit")) == ("400", "mg")
