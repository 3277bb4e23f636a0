"""Habits under labels, and fevers beside their temperatures: what each of them tells."""

from __future__ import annotations

import pytest

from worker.clinical.facts import facts


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("Tobacco: Former smoker.", "en", [("Former smoker", "former smoker", "present")]),
        ("Tobacco: quit 10 years ago.", "en", [("Tobacco", "former smoker", "present")]),
        ("Smoking status: Never.", "en", [("Smoking", "current smoker", "absent")]),
        ("Illicit drug use: Never.", "en", [("Illicit drug use", "illicit drug use", "absent")]),
        ("Tobacco: one pack a day.", "en", [("Tobacco", "current smoker", "present")]),
        ("Tabaco: exfumador desde 2010.", "es", [("exfumador", "former smoker", "present")]),
        ("Tóxicos: niega.", "es", [("Tóxicos", "illicit drug use", "absent")]),
    ],
)
def test_a_habit_under_its_label_is_told_once_and_as_it_is(text, language, told):
    assert [(each.text, each.concept, each.assertion) for each in facts(text, language).mentions] == told


@pytest.mark.parametrize(
    ("text", "language", "symptom", "value"),
    [
        ("She had fever of 39 C yesterday.", "en", "fever", "39 C"),
        ("Fiebre de hasta 38,5ºC.", "es", "Fiebre", "38,5ºC"),
    ],
)
def test_a_fever_is_a_symptom_and_its_temperature_a_vital_sign(text, language, symptom, value):
    found = {each.kind: each.text for each in facts(text, language).mentions}
    assert found == {"symptom": symptom, "vital": value}
