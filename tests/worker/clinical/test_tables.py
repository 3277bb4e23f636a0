"""Tables of vital signs and laboratory values are read by the heads of their columns, and prose is no table."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts


def measured(text: str, language: str = "en") -> list[tuple[str, str | None, str | None]]:
    """What, its value (or both of a pressure) and its unit; each finding's words must stand where it says."""
    found = [each for each in facts(text, language).mentions if each.kind == "vital"]
    assert all(text[each.start : each.end] == each.text for each in found)
    return [
        (
            each.concept or "",
            each.attribute("value") or f"{each.attribute('systolic')}/{each.attribute('diastolic')}",
            each.attribute("unit"),
        )
        for each in found
    ]


FIRST = [
    ("blood pressure", "120/80", "mm[Hg]"),
    ("heart rate", "72", "/min"),
    ("body temperature", "98.6", "[degF]"),
    ("oxygen saturation", "98", "%"),
]
SECOND = [
    ("blood pressure", "135/85", "mm[Hg]"),
    ("heart rate", "88", "/min"),
    ("body temperature", "101.2", "[degF]"),
    ("oxygen saturation", "95", "%"),
]


@pytest.mark.parametrize("between", ["\t", "   ", " | ", ";", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_row_is_read_by_the_heads_of_its_columns(between: str, end: str) -> None:
    rows = (["Time", "BP", "HR", "Temp", "SpO2"], ["08:00", "120/80", "72", "98.6", "98%"])
    text = end.join(between.join(row) for row in (*rows, ["12:00", "135/85", "88", "101.2", "95%"]))
    assert measured(f"VITALS{end}{text}{end}Chest pain since noon.") == [*FIRST, *SECOND]


def test_a_table_of_markdown_is_read_below_its_rule() -> None:
    text = "| Time | BP | HR | Temp | SpO2 |\n|---|---|:-:|---|---|\n| 08:00 | 120/80 | 72 | 98.6 | 98% |\n"
    assert measured(text) == FIRST


def test_a_unit_may_stand_at_the_head() -> None:
    found = measured("Date\tWeight (kg)\tGlucose (mg/dL)\n03/01\t82\t180\n")
    assert found == [("body weight", "82", "kg"), ("glucose", "180", "mg/dL")]


def test_a_spanish_table_has_decimal_commas() -> None:
    assert measured("Fecha  TA  FC  Tª\n12/03  130/80  76  36,5", "es") == [
        ("blood pressure", "130/80", "mm[Hg]"),
        ("heart rate", "76", "/min"),
        ("body temperature", "36.5", "Cel"),
    ]


def test_an_empty_cell_says_nothing() -> None:
    assert measured("Time\tBP\tHR\n08:00\t120/80\t-\n09:00\t-\t80") == [
        ("blood pressure", "120/80", "mm[Hg]"),
        ("heart rate", "80", "/min"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "BP, HR and weight were taken\n3 times, 4 days, 5 weeks",
        "Time\tBP\n08:00\t120/80",  # one column of values is no table
        "Weight  Height\n82  180  77",
    ],
)
def test_what_is_no_table_is_not_read_as_one(text: str) -> None:
    assert measured(text) == []
