"""What a category rests on: by a scorer whose reasons are known, by the stage, and by the weights that ship."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from shared.case import Case, Span
from shared.category import Attribution
from shared.classified import classification
from shared.job import StageName
from shared.registry import ADAPTERS, ModelVersion
from shared.settings import Settings
from tests.conftest import RecordingDesk
from worker import explain, stage
from worker.stage import Device, Listen, undisturbed

CaseOf = Callable[..., Case]
TEXT = "He has a rash. The weather is fine. It itches a lot, and no cough came with the rash."
BERT = ModelVersion("minilm-l6-v2", "bert", path=Settings().models_dir / "minilm-l6-v2", adapter=ADAPTERS / "category")
NOTES = [
    "Productive cough with green sputum for five days. He sleeps well. Wheeze and shortness of breath at night.",
    "Itchy red rash on both elbows with scaly plaques. She works in an office. Known psoriasis since childhood.",
    "Burning on urination and blood in the urine. He drinks coffee. Urinary frequency for three days.",
    "Low mood and hopeless. He has two brothers. Lost interest in everything for two months, poor sleep.",
]


class ByRash:
    """Half sure of skin for each rash, and less so for each cough."""

    def score(self, texts: Sequence[str], listen: Listen = undisturbed) -> list[list[float]]:
        listen()
        found = [0.1 + 0.4 * text.count("rash") - 0.1 * text.count("cough") for text in texts]
        return [[1 - each, each] for each in found]


def quoted(text: str, found: Sequence[Attribution]) -> list[tuple[str, float]]:
    return [(text[each.span.start : each.span.end], each.weight) for each in found]


def test_what_speaks_for_and_against_the_label_is_told_by_how_the_score_moves() -> None:
    found = explain.occlusion(ByRash(), TEXT, [Span(0, len(TEXT))], 1, undisturbed)
    assert found.method == "occlusion"
    assert quoted(TEXT, found.sentences) == [
        ("He has a rash.", 0.4),
        ("It itches a lot, and no cough came with the rash.", 0.3),
    ]
    assert quoted(TEXT, found.words) == [("rash", 0.4), ("rash", 0.4), ("cough", -0.1)]
    assert len({each.span for each in found.words}) == 3


def test_each_window_is_weighed_by_itself_and_offsets_count_in_the_text() -> None:
    text = f"{TEXT} {TEXT}"
    second = Span(len(TEXT) + 1, len(text))
    found = explain.occlusion(ByRash(), text, [second], 1, undisturbed)
    assert {word for word, _ in quoted(text, found.words)} == {"rash", "cough"}
    assert all(each.span.start >= second.start for each in (*found.words, *found.sentences))


def test_an_explanation_of_a_long_text_costs_a_bounded_number_of_readings() -> None:
    readings: list[int] = []

    class Counting(ByRash):
        def score(self, texts: Sequence[str], listen: Listen = undisturbed) -> list[list[float]]:
            readings.append(len(texts))
            return super().score(texts, listen)

    text = "A rash with many words that go on and on and on in it came today. " * 300
    explain.occlusion(Counting(), text, [Span(0, len(text))], 1, undisturbed)
    assert sum(readings) <= 1 + 2 * explain.MOST_ASKED


@pytest.fixture(scope="module")
def classify() -> stage.Stage:
    return stage.load(StageName.CLASSIFY, BERT, Device())


def asked(case: Case) -> Case:
    return replace(case, origin=replace(case.origin, explain=True))


@pytest.mark.models
def test_attributions_come_with_the_result_on_request_only(
    classify: stage.Stage, case_of: CaseOf, desk: RecordingDesk
) -> None:
    case = case_of(NOTES[0], language="en")
    told, silent = (classification(each) or {} for each in classify.run([asked(case), case], desk))
    assert "attributions" not in silent
    assert told["attributions"]["method"] == "occlusion"
    first = told["attributions"]["sentences"][0]
    assert first["weight"] > 0
    assert NOTES[0][first["start"] : first["end"]] != "He sleeps well."
    assert len(first["quote_hash"]) == 64


@pytest.mark.models
def test_taking_out_the_words_that_were_told_lowers_the_score_more_than_taking_out_others(
    classify: stage.Stage, case_of: CaseOf, desk: RecordingDesk
) -> None:
    draw = random.Random(5)
    cases = classify.run([asked(case_of(each, language="en")) for each in NOTES], desk)
    by_ours, by_chance = 0.0, 0.0
    for case in cases:
        found = case.classification
        assert found is not None and found.attributions is not None  # noqa: PT018 - for the type checker
        ours = [each.span for each in found.attributions.words[:3]]
        words = [Span(*each.span()) for each in explain.WORD.finditer(case.text or "")]
        others = draw.sample([each for each in words if each not in ours], len(ours))
        for taken in (ours, others):
            (left,) = classify.run([replace(case, text=_without(case.text or "", taken), classification=None)], desk)
            fall = found.confidence - dict(left.classification.scores)[found.category]  # type: ignore[union-attr]
            if taken is ours:
                by_ours += fall
            else:
                by_chance += fall
    assert by_ours > 0
    assert by_ours > 2 * by_chance


def _without(text: str, taken: Sequence[Span]) -> str:
    for each in sorted(taken, key=lambda span: -span.start):
        text = text[: each.start] + text[each.end :]
    return text
