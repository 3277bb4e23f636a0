"""Numbers, units and dosages as the note has them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.worker.fhir.cases import mention
from worker.fhir.dosage import dosage
from worker.fhir.elements import clean, element, read, write
from worker.fhir.findings import findings
from worker.fhir.quantities import number, quantity


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("37.90", "37.90"),
        ("37,9", "37.9"),
        ("500", "500"),
        ("0,125", "0.125"),
        (".5", None),
        ("1,200", None),
        ("1,250", None),
        ("1.000.000", None),
        ("", None),
        ("two", None),
        ("12/8", None),
        ("NaN", None),
        ("-1.5", "-1.5"),
    ],
)
def test_a_number_keeps_its_digits_and_is_none_where_it_could_be_two(words, value):
    assert number(words) == (None if value is None else Decimal(value))
    assert value is None or str(number(words)) == value


def test_a_decimal_leaves_as_the_note_has_it():
    assert write({"value": Decimal("37.90"), "small": Decimal("0.120")}) == '{"value":37.90,"small":0.120}'
    assert str(read('{"value":37.90}')["value"]) == "37.90"


def test_what_is_no_number_cannot_be_written():
    with pytest.raises(ValueError, match="JSON"):
        write({"value": Decimal("NaN")})


def test_an_element_holds_nothing_empty_but_keeps_false_and_zero():
    assert element(a=None, b="", c=[], d={}, class_="x", e=False, f=0) == {"class": "x", "e": False, "f": 0}


def test_a_unit_that_nobody_knows_stays_in_words():
    assert quantity(Decimal(10), "units") == {"value": Decimal(10), "unit": "units"}


def test_text_is_freed_of_what_json_and_xml_cannot_hold():
    assert clean(" a\x00b\x0bc\ud800d\u00a0e\ufffef ") == "a b c d e f"


@pytest.mark.parametrize(
    ("frequency", "repeat"),
    [
        ("twice daily", {"frequency": 2, "period": 1, "periodUnit": "d"}),
        ("once a day", {"frequency": 1, "period": 1, "periodUnit": "d"}),
        ("3 times a day", {"frequency": 3, "period": 1, "periodUnit": "d"}),
        ("three times per week", {"frequency": 3, "period": 1, "periodUnit": "wk"}),
        ("BID", {"frequency": 2, "period": 1, "periodUnit": "d"}),
        ("t.i.d.", {"frequency": 3, "period": 1, "periodUnit": "d"}),
        ("every 6 hours", {"frequency": 1, "period": Decimal(6), "periodUnit": "h"}),
        ("q8h", {"frequency": 1, "period": Decimal(8), "periodUnit": "h"}),
        ("every other day", {"frequency": 1, "period": Decimal(2), "periodUnit": "d"}),
        ("dos veces al día", {"frequency": 2, "period": 1, "periodUnit": "d"}),
        ("cada 12 horas", {"frequency": 1, "period": Decimal(12), "periodUnit": "h"}),
        ("at bedtime", {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]}),
        ("with meals", None),
    ],
)
def test_a_frequency_becomes_a_timing_where_it_is_plain(case_of, frequency, repeat):
    said = mention("aspirin", "medication", "aspirin", {"frequency": (frequency, None)})
    found = dosage(case_of("aspirin"), findings([said])[0])
    assert found["text"] == frequency
    assert found.get("timing") == ({"repeat": repeat} if repeat else None)


def test_as_needed_is_no_schedule_of_its_own(case_of):
    said = mention("aspirin", "medication", "aspirin", {"frequency": ("every 6 hours as needed", None)})
    found = dosage(case_of("aspirin"), findings([said])[0])
    assert found["asNeededBoolean"] is True
    assert found["timing"]["repeat"]["period"] == Decimal(6)


def test_the_text_of_a_dosage_is_the_notes_own_stretch(case_of):
    text = "aspirin 100 mg by mouth once daily for 7 days"
    said = mention(
        text,
        "medication",
        "aspirin",
        {
            "dose": ("100", "100 mg"),
            "unit": ("mg", "100 mg"),
            "route": ("oral", "by mouth"),
            "frequency": ("once daily", "once daily"),
            "duration": ("7 days", "7 days"),
            "duration_days": ("7", None),
        },
    )
    found = dosage(case_of(text), findings([said])[0])
    assert found["text"] == "100 mg by mouth once daily for 7 days"
    assert found["route"] == {"text": "oral"}
    assert found["timing"]["repeat"]["boundsDuration"]["code"] == "d"


def test_parts_that_stand_far_apart_are_joined_instead_of_quoted(case_of):
    text = "aspirin 100 mg. Long story. Take it once daily"
    said = mention(
        text,
        "medication",
        "aspirin",
        {"dose": ("100", "100 mg"), "unit": ("mg", None), "frequency": ("once daily", "once daily")},
    )
    assert dosage(case_of(text), findings([said])[0])["text"] == "100 mg once daily"


def test_a_dose_that_could_be_two_numbers_stays_in_words(case_of):
    said = mention("iron", "medication", "iron", {"dose": ("1,250", None), "unit": ("mg", None)})
    found = dosage(case_of("iron"), findings([said])[0])
    assert found == {"text": "1,250 mg"}


def test_findings_come_in_the_order_of_the_text_whatever_order_they_are_given_in():
    text = "cough and fever"
    mentions = [mention(text, "symptom", "fever"), mention(text, "symptom", "cough")]
    assert [each.words for each in findings(mentions)] == ["cough", "fever"]
    assert findings(mentions) == findings(reversed(mentions))
    assert findings([replace(mentions[0], text=" ")]) == []
