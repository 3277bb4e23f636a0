"""The schema of a completed job knows every field that a result may hold, also those of recordings and documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.completed import Attrs, Completed
from api.standing import Ended, State
from shared.case import Case, Fallback, Mention, Page, RedFlag, Segment, Sentiment, Span, TurnSentiment, Word
from shared.job import Audio, Document, JobRequest, JobStatus, StageName, StageProgress
from shared.result import result
from worker.clinical.facts import facts

NOTES = Path(__file__).parent / "quality"
TEXT = "My chest hurts.\n\nMy father, too."
AUDIO = Audio(
    blob="b", content_type="audio/flac", sha256="c" * 64, size_bytes=9, duration_s=3.0, channels=1, sample_rate_hz=16000
)
DOCUMENT = Document(blob="b", content_type="application/pdf", sha256="c" * 64, size_bytes=9)
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def answer(case: Case) -> dict[str, Any]:
    """The case's result as the gateway answers it, with every field of the state."""
    state = State(
        job_id=case.origin.job_id,
        status=JobStatus.COMPLETED,
        source="text",
        stage=StageName.EXTRACT,
        progress=1.0,
        crisis=True,
        stages=[StageProgress(name=StageName.EXTRACT, status="done", seconds=0.5)],
        attempt=1,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        position=0,
        eta_s=0.5,
        reason=Ended(code="insufficient_content", detail="too little"),
        fhir_bundle_url="/b",
        transcript_url="/t",
    )
    return {**state.model_dump(mode="json"), **json.loads(result(case, JobRequest(text=case.text)))}


def chest(case_of: Callable[..., Case]) -> Case:
    """A case with what no example holds: a crisis, a feeling with its words, a stage that ran on its rules."""
    hurt = Mention("m1", "symptom", 3, 14, "chest hurts")
    kin = Mention("m2", "condition", 20, 26, "father", experiencer="family", relation="father")
    felt = TurnSentiment("negative", -0.4, Span(0, 15), (Span(9, 14),))
    return replace(
        case_of(TEXT, language="en"),
        mentions=(hurt, kin),
        resources=(("m1", "urn:uuid:1"), ("m2", "urn:uuid:2#0")),
        red_flags=(RedFlag("harm", "Danger.", "emergency", "a guideline", (Span(3, 14),), crisis=True),),
        sentiment=Sentiment("negative", -0.4, (felt,)),
        degraded=(Fallback(StageName.CLASSIFY, "rules", "its engine keeps failing"),),
        warnings=("A doubt.",),
    )


def spoken(case: Case) -> Case:
    words = (Word(0, 2, 0.1, 0.2, 0.9), Word(3, 8, 0.2, 0.5, 0.8))
    segments = (Segment(0, 15, 0.1, 1.0, "patient", words, ("low_confidence",)), Segment(17, 32, 1.2, 2.0))
    return replace(case, origin=replace(case.origin, audio=AUDIO), segments=segments)


def paged(case: Case) -> Case:
    return replace(
        case, origin=replace(case.origin, document=DOCUMENT), pages=(Page(1, 0, 15), Page(2, 17, 32, recognised=True))
    )


@pytest.mark.parametrize("become", [lambda case: case, spoken, paged])
def test_the_schema_has_every_field_of_an_answer(case_of: Callable[..., Case], become: Callable[[Case], Case]):
    given = answer(become(chest(case_of)))
    assert Completed.model_validate(given).model_dump(mode="json", exclude_unset=True) == given


@pytest.mark.parametrize("name", ["facts_spanish.jsonl", "facts_dialogue.jsonl", "facts_fresh.jsonl"])
def test_the_schema_names_every_attribute_that_the_rules_find(name: str):
    texts = [json.loads(line)["text"] for line in (NOTES / name).read_text(encoding="utf-8").splitlines()]
    found = {each.name for text in texts for mention in facts(text).mentions for each in mention.attributes}
    assert found
    assert found <= set(Attrs.model_fields)
