"""NEWS2: the bands of the published chart, point for point."""

from __future__ import annotations

import pytest

from worker.deterioration.news2 import score

CHART = [
    ("respiratory_rate", {8: 3, 9: 1, 11: 1, 12: 0, 20: 0, 21: 2, 24: 2, 25: 3}),
    ("spo2", {91: 3, 92: 2, 93: 2, 94: 1, 95: 1, 96: 0}),
    ("systolic", {90: 3, 91: 2, 100: 2, 101: 1, 110: 1, 111: 0, 219: 0, 220: 3}),
    ("heart_rate", {40: 3, 41: 1, 50: 1, 51: 0, 90: 0, 91: 1, 110: 1, 111: 2, 130: 2, 131: 3}),
    ("temperature", {35.0: 3, 35.1: 1, 36.0: 1, 36.1: 0, 38.0: 0, 38.1: 1, 39.0: 1, 39.1: 2}),
    ("oxygen", {0: 0, 1: 2}),
    ("consciousness", {0: 0, 1: 3}),
]


@pytest.mark.parametrize(
    ("name", "value", "points"), [(name, value, points) for name, row in CHART for value, points in row.items()]
)
def test_each_value_gives_the_points_of_the_chart(name: str, value: float, points: int):
    assert score({name: value}) == points


@pytest.mark.parametrize(
    ("spo2", "oxygen", "points"),
    [(83, 0, 3), (84, 0, 2), (86, 0, 1), (88, 0, 0), (97, 0, 0), (92, 1, 2), (93, 1, 3), (95, 1, 4), (97, 1, 5)],
)
def test_a_patient_who_retains_carbon_dioxide_is_read_by_scale_two(spo2: int, oxygen: int, points: int):
    assert score({"spo2": spo2, "oxygen": oxygen}, hypercapnic=True) == points


def test_the_points_of_a_patient_add_up():
    septic = {"respiratory_rate": 25, "spo2": 93, "oxygen": 1, "systolic": 95, "heart_rate": 118, "temperature": 38.6}
    assert score({**septic, "consciousness": 0}) == 3 + 2 + 2 + 2 + 2 + 1
