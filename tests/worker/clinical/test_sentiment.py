"""How the patient feels: by the patient's own words, turn by turn."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.case import Case, Origin, from_json, to_json
from shared.job import JobRequest
from shared.result import result
from worker.clinical.facts import facts

TALK = (
    "Doctor: I'm worried about your weight. How are you?\n"
    "Patient: I'm so scared, I can't take it anymore.\n"
    "Doctor: Let me look at the scan. It is clear.\n"
    "Patient: What a relief, thank you so much.\n"
    "Doctor: Any pain?\n"
    "Patient: Chest pain, yes, since Monday."
)


def feeling(text: str) -> str:
    return facts(text).sentiment.label


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("I have had severe chest pain for two days, and my mother died of cancer.", "neutral"),
        ("My COVID test was negative.", "neutral"),
        ("I'm really worried about this lump.", "negative"),
        ("I am not happy with how this was handled.", "negative"),
        ("It is so frustrating, nobody listens to me.", "negative"),
        ("I feel hopeless and I cry all the time.", "distressed"),
        ("The pain is unbearable, please help me.", "distressed"),
        ("I'm feeling much better, thank you so much.", "positive"),
        ("Thank you.", "neutral"),
        ("I'm not scared at all.", "neutral"),
        ("My wife is worried about me.", "neutral"),
        ("No puedo más, estoy desesperada.", "distressed"),
        ("Estoy muy preocupado por el bulto.", "negative"),
        ("Me siento mejor, muchas gracias doctora.", "positive"),
        ("Tengo dolor de cabeza desde ayer.", "neutral"),
        ("No estoy contenta con el tratamiento.", "negative"),
    ],
)
def test_a_turn_is_labelled_by_what_it_says_of_the_patients_feelings(said: str, label: str) -> None:
    assert feeling(f"Doctor: How are you?\nPatient: {said}") == label
    assert feeling(said) == label


def test_each_turn_of_the_patient_has_its_label_with_the_words_that_tell_it() -> None:
    found = facts(TALK).sentiment
    assert [each.label for each in found.turns] == ["distressed", "positive", "neutral"]
    words = [[TALK[span.start : span.end] for span in each.evidence] for each in found.turns]
    assert words == [["so scared", "can't take it anymore"], ["What a relief", "thank you so much"], []]
    assert TALK[found.turns[2].said.start : found.turns[2].said.end] == "Chest pain, yes, since Monday."
    assert -1 <= found.turns[0].score < 0 < found.turns[1].score <= 1


def test_the_result_carries_the_sentiment_and_a_stored_case_keeps_it() -> None:
    origin = Origin(job_id="j", tenant="t", received_at=datetime(2026, 1, 2, tzinfo=UTC))
    case = replace(Case(origin=origin, text=TALK), sentiment=facts(TALK).sentiment)
    kept = from_json(to_json(case))
    assert kept.sentiment == case.sentiment
    document = json.loads(result(kept, JobRequest(text=TALK)))["sentiment"]
    assert document["label"] == case.sentiment.label if case.sentiment else False
    assert set(document["turns"][0]) == {"label", "score", "start", "end", "evidence"}
    assert set(document["turns"][0]["evidence"][0]) == {"start", "end", "quote_hash"}
