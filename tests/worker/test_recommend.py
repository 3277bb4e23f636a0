"""Recommendations: rules with their publications, and of a model's lines only those that the text carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared import registry
from shared.case import Attribute, Case, Mention, Recommendation
from shared.errors import JobStoppedError, MissingInputError, ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.conftest import RecordingDesk
from worker.clinical.facts import facts
from worker.stage import Device, Stage, load

CaseOf = Callable[..., Case]
RULES = ModelVersion(name="rules", engine="rules")

NOTE = (
    "45-year-old man, moderate headache for three days, nausea, history of migraine, takes metformin 500 mg twice "
    "daily, will start amoxicillin, allergic to penicillin, father had a stroke, BP 142/91, denies vomiting."
)


def _mention(text: str, words: str, kind: str, **more: object) -> Mention:
    start = text.index(words)
    return replace(
        Mention(id=words, kind="symptom", start=start, end=start + len(words), text=words), kind=kind, **more
    )


def _says(**values: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, value) for name, value in values.items())


@pytest.fixture
def note(case_of: CaseOf) -> Case:
    mentions = (
        _mention(NOTE, "headache", "symptom", attributes=_says(severity="moderate", duration="three days")),
        _mention(NOTE, "nausea", "symptom"),
        _mention(NOTE, "migraine", "condition", temporality="past"),
        _mention(NOTE, "metformin", "medication", attributes=_says(dose="500", unit="mg", frequency="twice daily")),
        _mention(NOTE, "amoxicillin", "medication", temporality="planned"),
        _mention(NOTE, "penicillin", "allergy"),
        _mention(NOTE, "stroke", "condition", experiencer="family", relation="father"),
        _mention(NOTE, "BP 142/91", "vital", attributes=_says(systolic="142", diastolic="91")),
        _mention(NOTE, "vomiting", "symptom", assertion="absent"),
    )
    return replace(case_of(NOTE, language="en"), mentions=mentions)


def _run(case: Case, stage: Stage | None = None, desk: RecordingDesk | None = None) -> Case:
    [done] = (stage or load(StageName.RECOMMEND, RULES, Device())).run([case], desk or RecordingDesk())
    return done


def _about(case: Case, word: str) -> list[Recommendation]:
    return [each for each in _run(case).recommendations if word in each.text]


def test_an_allergy_against_a_planned_drug_is_urgent_and_comes_first(note: Case) -> None:
    first = _run(note).recommendations[0]
    assert (first.urgency, first.kind) == ("urgent", "next_step")
    assert [note.quote(span) for span in first.evidence] == ["amoxicillin", "penicillin"]
    assert "CG183" in first.source


def test_a_drug_that_was_stopped_raises_no_conflict(note: Case) -> None:
    past = tuple(replace(m, temporality="past") if m.kind == "medication" else m for m in note.mentions)
    assert not _about(replace(note, mentions=past), "amoxicillin")


def test_a_high_pressure_is_to_be_read_again_by_its_guideline(note: Case) -> None:
    [step] = _about(note, "142/91")
    assert "NG136" in step.source
    assert [note.quote(span) for span in step.evidence] == ["BP 142/91"]


@pytest.mark.parametrize(("upper", "lower", "steps"), [("139", "89", 0), ("140", "80", 1), ("120", "90", 1)])
def test_the_threshold_of_pressure_is_140_over_90(case_of: CaseOf, upper: str, lower: str, steps: int) -> None:
    text = f"BP {upper}/{lower}"
    vital = _mention(text, text, "vital", attributes=_says(systolic=upper, diastolic=lower))
    assert len(_run(replace(case_of(text), mentions=(vital,))).recommendations) == steps


def test_only_what_the_text_leaves_out_is_asked(note: Case) -> None:
    assert not [each for each in _run(note).recommendations if "headache" in each.text]
    [question] = _about(note, "nausea")
    assert (question.kind, question.text) == (
        "question",
        "How long has the nausea lasted, and how bad is it from 0 to 10?",
    )


def test_nothing_is_asked_about_what_the_text_denies_or_tells_of_kin(note: Case) -> None:
    assert not _about(note, "vomiting")
    assert not _about(note, "stroke")


def test_a_red_flag_comes_before_all_else(case_of: CaseOf) -> None:
    text = "Crushing chest pain radiating to the left arm, with sweating and shortness of breath."
    mentions = (_mention(text, "chest pain", "symptom", concept="chest pain"),)
    done = _run(replace(case_of(text, language="en"), mentions=mentions))
    assert done.red_flags
    assert done.recommendations[0].kind == "red_flag"
    assert done.recommendations[0].evidence


def test_a_spanish_note_is_answered_in_spanish(case_of: CaseOf) -> None:
    text = "Náuseas. TA 150/95."
    vital = _mention(text, "TA 150/95", "vital", attributes=_says(systolic="150", diastolic="95"))
    mentions = (_mention(text, "Náuseas", "symptom"), vital)
    texts = [each.text for each in _run(replace(case_of(text, language="es"), mentions=mentions)).recommendations]
    assert texts[0].startswith("Tensión arterial 150/95, 140/90 mmHg o más")
    assert texts[1].startswith("¿Desde cuándo tiene náuseas")


def test_every_recommendation_carries_evidence_and_a_source(note: Case) -> None:
    for each in _run(note).recommendations:
        assert each.source
        assert each.evidence
        assert all(0 <= span.start < span.end <= len(NOTE) for span in each.evidence)


@pytest.mark.parametrize(
    ("text", "drug"),
    [
        ("Allergic to penicillin. Takes amoxicillin.", "amoxicillin"),
        ("Allergies: aspirin. Takes Motrin at home.", "motrin"),
        ("Alergia a penicilina. Toma amoxicilina.", "amoxicilina"),
    ],
)
def test_a_drug_of_an_allergy_is_named_in_the_warning_alone(case_of: CaseOf, text: str, drug: str) -> None:
    language = "es" if "Alergia" in text else "en"
    found = facts(text, language)
    done = _run(replace(case_of(text, language=language), mentions=found.mentions))
    naming = [each for each in done.recommendations if drug in each.text.lower()]
    assert [each.urgency for each in naming] == ["urgent"]
    assert "CG183" in naming[0].source


def test_an_emergency_is_not_watered_down_by_questions(case_of: CaseOf) -> None:
    text = "Crushing chest pain for an hour radiating to the left arm, sweating and nausea. BP 150/92."
    found = facts(text, "en")
    done = _run(replace(case_of(text, language="en"), mentions=found.mentions))
    assert [each.kind for each in done.recommendations] == ["red_flag"]


def test_a_case_without_text_is_refused(case_of: CaseOf) -> None:
    with pytest.raises(MissingInputError):
        _run(case_of(None))


@pytest.mark.parametrize("engine", ["llama", "crystal-ball"])
def test_weights_that_are_not_there_make_the_stage_unavailable(tmp_path: Path, engine: str) -> None:
    with pytest.raises(ModelUnavailableError):
        load(StageName.RECOMMEND, ModelVersion(name="none", engine=engine, path=tmp_path), Device())


@pytest.fixture(scope="module")
def smollm() -> Stage:
    settings = Settings()
    plan = registry.plan(registry.read(settings.manifest), "embedded", settings.models_dir)
    return load(StageName.RECOMMEND, plan[StageName.RECOMMEND], Device())


VISIT = (
    "[doctor] let's get a chest x-ray today , okay ?\n[patient] okay .\n"
    "[doctor] and i want you to come back in two weeks .\n[patient] sure ."
)


@pytest.mark.models
def test_the_embedded_model_keeps_to_what_is_planned(smollm: Stage, case_of: CaseOf) -> None:
    desk = RecordingDesk()
    done = _run(case_of(VISIT, language="en"), smollm, desk)
    written = [each for each in done.recommendations if each.source == "smollm2-135m-instruct"]
    assert any("x-ray" in each.text for each in written)
    assert all(each.evidence and each.support == "supported" for each in written)
    assert len(desk.told) > len(written)


@pytest.mark.models
def test_the_same_case_gets_the_same_recommendations(smollm: Stage, case_of: CaseOf) -> None:
    case = case_of(VISIT, language="en")
    assert _run(case, smollm).recommendations == _run(case, smollm).recommendations


@pytest.mark.models
def test_a_cancel_stops_the_model_before_its_next_token(smollm: Stage, case_of: CaseOf) -> None:
    desk = RecordingDesk(stop_after=3)
    with pytest.raises(JobStoppedError):
        _run(case_of(VISIT, language="en"), smollm, desk)
    assert len(desk.told) == 3
