"""What is asked and advised: only what makes sense of the thing, in whole sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.case import Case
from worker.clinical.clauses import clauses
from worker.clinical.facts import facts
from worker.clinical.next_steps import next_steps
from worker.clinical.redflags import red_flags

CaseOf = Callable[..., Case]


def read(case_of: CaseOf, text: str, language: str) -> Case:
    found = facts(text, language)
    return replace(case_of(text, language=language), mentions=found.mentions, sections=found.sections)


@pytest.mark.parametrize(
    ("text", "language", "asked"),
    [
        ("He has headaches.", "en", "How long have the headaches lasted, and how bad are they from 0 to 10?"),
        ("Chest pain 8/10.", "en", "How long has the chest pain lasted?"),
        ("She has hives.", "en", "How long have the hives lasted?"),
        ("Vomitó dos veces.", "es", "¿Desde cuándo tiene vómitos?"),
        ("Refiere mareo.", "es", "¿Desde cuándo tiene mareo y con qué intensidad, de 0 a 10?"),
    ],
)
def test_a_question_asks_what_the_thing_can_answer(case_of: CaseOf, text: str, language: str, asked: str) -> None:
    assert [each.text for each in next_steps(read(case_of, text, language))] == [asked]


@pytest.mark.parametrize("text", ["CT shows a renal cyst.", "TM is erythematous.", "Exam: joint line tenderness."])
def test_nobody_is_asked_since_when_he_has_a_sign(case_of: CaseOf, text: str) -> None:
    assert not next_steps(read(case_of, text, "en"))


def test_what_the_impression_settles_is_not_left_open(case_of: CaseOf) -> None:
    text = "Indication: rule out appendicitis.\nImpression: Acute appendicitis."
    assert not [each for each in next_steps(read(case_of, text, "en")) if "open" in each.text]


def test_the_spanish_verb_son_hides_no_danger(case_of: CaseOf) -> None:
    text = "Los síntomas son dolor torácico opresivo que irradia al brazo izquierdo y sudoración."
    assert red_flags(read(case_of, text, "es"))


def test_a_high_pressure_in_pregnancy_is_no_matter_for_home(case_of: CaseOf) -> None:
    assert not next_steps(read(case_of, "Gestante de 34 semanas. TA 150/95.", "es"))
    assert next_steps(read(case_of, "Varón de 60 años. TA 150/95.", "es"))


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("Lisinopril was stopped.", "en", "previously took Lisinopril"),
        ("PRODUCTIVE COUGH FOR 4 DAYS.", "en", "productive cough for 4 days"),
        ("She is jittery.", "en", "nervousness"),
        ("Cefalea en el lado izquierdo.", "es", "cefalea (lado izquierdo)"),
        ("Está mareado y cansado.", "es", "mareo y cansancio"),
    ],
)
def test_a_clause_names_things_and_not_verbs(case_of: CaseOf, text: str, language: str, told: str) -> None:
    assert [each.text for each in clauses(read(case_of, text, language))] == [told]
