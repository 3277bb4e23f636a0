"""What clinq wrote in its own words says nothing any more that a reviewer has set right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.case import Recommendation, Sentence
from shared.fhir_json import write
from shared.hl7v2.mdm import mdm
from shared.hl7v2.oru import oru
from tests.worker.fhir.cases import mention, one, span
from tests.worker.fhir.finished import Finished, finished
from tests.worker.fhir.test_reviewed import sound

NOTHING = {"narrative": (), "summary": (), "recommendations": (), "red_flags": (), "classification": None}


@pytest.fixture
def done(note) -> Finished:
    """A note of which two sentences and two next steps rest on two facts."""
    headache, drug = (span(note.text, words) for words in ("headache", "metformin 500 mg twice daily"))
    said = (Sentence("He has a headache.", "a", (headache,)), Sentence("He takes metformin 500 mg.", "a", (drug,)))
    steps = tuple(
        Recommendation(text, "next_step", "routine", "a rule", (at,))
        for text, at in (("Ask about the headache.", headache), ("Check the 500 mg.", drug))
    )
    return finished(replace(note, narrative=said, summary=said, recommendations=steps))


def texts(done: Finished, *said: dict) -> str:
    """All that clinq says in its own words after these reviews, and both messages."""
    after = sound(done.after(*said))
    told = [one(after, kind) for kind in ("ClinicalImpression", "CarePlan", "Composition")]
    return " ".join([*(write({**each, "extension": []}) for each in told), mdm(after), oru(after)])


def test_no_sentence_rests_on_a_corrected_dose_even_when_the_rest_is_confirmed(done):
    assert "500 mg" in texts(done)
    dose = {"fact_id": done.fact("medication", "metformin"), "dose": "850"}
    told = texts(done, {"action": "correct", "corrections": [dose]}, {"action": "confirm"})
    assert "500 mg" not in told
    assert "metformin, active: 850 mg twice daily (corrected by a reviewer)" in told
    assert "He has a headache." in told
    assert "Ask about the headache." in told


def test_what_was_rejected_is_not_told_and_nothing_else_is_lost(done):
    facts = [done.fact("symptom", "headache"), done.fact("medication", "metformin")]
    told = texts(done, {"action": "reject", "facts": facts[:1]})
    assert "He has a headache." not in told
    assert "He takes metformin 500 mg." in told
    told = texts(done, {"action": "reject", "facts": facts})
    assert "rested on what a reviewer corrected or rejected" in told
    assert "Check the 500 mg." not in told


def test_what_was_confirmed_is_told_as_it_was(done):
    facts = [done.fact("symptom", "headache")]
    assert "He has a headache. He takes metformin 500 mg." in texts(done, {"action": "confirm", "facts": facts})


def test_a_corrected_pressure_is_told_whole_with_its_unit(done):
    half = {"fact_id": done.fact("vital", "BP 142/91"), "systolic": "124"}
    told = texts(done, {"action": "correct", "corrections": [half]})
    words = "Systolic blood pressure 124 mmHg; Diastolic blood pressure 91 mmHg (corrected by a reviewer)"
    assert words in told


def test_a_symptom_that_a_reviewer_denies_is_told_as_denied(note):
    text = "Headache for three days."
    days = {"duration": ("three days", None), "duration_days": ("3", None)}
    done = finished(replace(note, text=text, mentions=(mention(text, "symptom", "Headache", days),), **NOTHING))
    denied = {"fact_id": done.fact("symptom", "Headache"), "assertion": "absent"}
    after = sound(done.after({"action": "correct", "corrections": [denied]}))
    assert "Headache; assertion absent (corrected by a reviewer)" in one(after, "Observation")["text"]["div"]
