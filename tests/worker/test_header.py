"""The headers of a conversation's stretches: which texts have them, where they stand, and what they sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from shared.case import Case, Headed, Section, Segment, Span
from shared.classified import sections
from shared.errors import ModelUnavailableError
from shared.headers import SECTIONS
from shared.job import StageName
from shared.registry import ADAPTERS, ModelVersion
from shared.settings import Settings
from tests.conftest import RecordingDesk
from tests.worker import tiny_bert
from worker import header, stage
from worker.classifier import About
from worker.clinical import outline
from worker.header import Headers
from worker.stage import Device, Listen, undisturbed

CaseOf = Callable[..., Case]
TALK = "Doctor: Any allergies to drugs?\nPatient: No, I have no allergies at all."
LABELS = ("ALLERGY", "GENHX", "PASTSURGICAL")
WORDS = {"allerg": 0, "pain": 1, "surgery": 2}


class ByWords:
    """Scores a text by the words that it holds; it remembers what it was asked."""

    def __init__(self, threshold: float = 0.6) -> None:
        self.about = About("none", LABELS, threshold=threshold, window_tokens=34)
        self.asked: list[str] = []

    def score(self, texts: Sequence[str], listen: Listen = undisturbed) -> list[list[float]]:
        listen()
        self.asked += texts
        counts = [[1 + 9 * text.lower().count(word) for word in WORDS] for text in texts]
        return [[each / sum(row) for each in row] for row in counts]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


def visit(*topics: str) -> str:
    """A visit of eight rounds about each topic."""
    rounds = [
        f"Doctor: Tell me, is there any {each} that I should know of?\nPatient: Yes, {each}, I think so, and it was "
        "there for a while, and my wife says the same thing."
        for each in topics
        for _ in range(8)
    ]
    return "\n".join(rounds)


def test_a_short_conversation_has_exactly_one_header(case_of: CaseOf) -> None:
    (found,) = Headers(ByWords()).mark([case_of(f" {TALK}\n", language="en")])
    assert [(each.header, each.sure) for each in found] == [("ALLERGY", True)]
    assert (found[0].start, found[0].end) == (1, 1 + len(TALK))
    assert 0.8 < found[0].confidence < 1


def test_a_visit_is_headed_stretch_by_stretch_without_gaps_and_whole_turns(case_of: CaseOf) -> None:
    case = case_of(visit("allergy", "pain", "surgery"), language="en")
    (found,) = Headers(ByWords()).mark([case])
    assert [each.header for each in found] == list(LABELS)
    assert found[0].start == 0
    assert found[-1].end == len(case.text or "")
    assert all(one.end == two.start for one, two in pairwise(found))
    assert all(case.quote(Span(each.start, each.end)).strip().startswith("Doctor:") for each in found)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("45-year-old man with chest pain for three days. No allergies.", "en"),
        ("Doctor: ¿Alergias?\nPaciente: No.", "es"),
    ],
)
def test_notes_and_other_languages_than_english_have_none(case_of: CaseOf, text: str, language: str) -> None:
    scorer = ByWords()
    assert Headers(scorer).mark([case_of(text, language=language)]) == [()]
    assert not scorer.asked


def test_clinicians_who_talk_among_themselves_converse_too(case_of: CaseOf) -> None:
    text = "Guest_clinician: What about allergies?\nDoctor: She has none that we know of."
    (found,) = Headers(ByWords()).mark([case_of(text, language="en")])
    assert [each.header for each in found] == ["ALLERGY"]


def test_speakers_in_brackets_are_read_as_the_training_set_writes_them(case_of: CaseOf) -> None:
    scorer = ByWords()
    Headers(scorer).mark([case_of("[doctor] any pain ?\n[patient] no pain .", language="en")])
    assert scorer.asked == ["doctor: any pain ?\npatient: no pain ."]


def test_a_recording_is_read_with_the_names_of_its_speakers(case_of: CaseOf) -> None:
    text = "Any surgery before?\nYes, surgery of the knee."
    segments = (Segment(0, 19, 0, 1, "clinician"), Segment(20, 46, 1, 2, "patient"))
    scorer = ByWords()
    (found,) = Headers(scorer).mark([replace(case_of(text, language="en"), segments=segments)])
    assert scorer.asked == ["Doctor: Any surgery before?\nPatient: Yes, surgery of the knee."]
    assert [each.header for each in found] == ["PASTSURGICAL"]


def test_cases_of_one_call_share_their_batch_and_keep_their_order(case_of: CaseOf) -> None:
    talks = [TALK, "A plain note about pain.", "Doctor: Any surgery?\nPatient: Surgery of my knee."]
    found = Headers(ByWords()).mark([case_of(each, language="en") for each in talks])
    assert [[each.header for each in mine] for mine in found] == [["ALLERGY"], [], ["PASTSURGICAL"]]


def test_a_long_text_is_named_by_all_of_its_windows() -> None:
    (named,) = Headers(ByWords()).name(["Something else. " * 20 + "The pain came with more pain and pain. " * 40])
    assert named.header == "GENHX"
    assert named.confidence > 0.5


def test_every_header_has_its_place_in_a_note_and_in_a_summary() -> None:
    assert len(SECTIONS) == 20
    assert {each.summary for each in SECTIONS.values()} <= set(outline.SECTIONS)


def test_a_sure_header_sorts_what_says_nothing_of_its_section_itself(case_of: CaseOf) -> None:
    text = "Doctor: And then?\nPatient: They took it all out ten years ago in Boston."
    case = case_of(text, language="en")
    span = Span(text.index("They"), len(text))
    sure = replace(case, headed=(Headed("PASTSURGICAL", 0.9, 0, len(text), sure=True),))
    unsure = replace(case, headed=(Headed("PASTSURGICAL", 0.4, 0, len(text)),))
    assert [outline.section_of(each, span) for each in (case, sure, unsure)] == ["subjective", "history", "subjective"]


def test_the_result_shows_parts_and_headed_stretches_in_the_order_of_the_text(case_of: CaseOf) -> None:
    case = replace(
        case_of(TALK), sections=(Section("plan", 40, 60),), headed=(Headed("ALLERGY", 0.9, 0, len(TALK), sure=True),)
    )
    assert sections(case) == [
        {"name": "allergies", "start": 0, "end": len(TALK), "header": "ALLERGY", "confidence": 0.9},
        {"name": "plan", "start": 40, "end": 60},
    ]


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError):
        header.read(tiny_bert.make(tmp_path / "base"), tmp_path / "none")


SHIPPED = ModelVersion(
    "minilm-l6-v2",
    "bert",
    path=Settings().models_dir / "minilm-l6-v2",
    adapter=ADAPTERS / "category",
    options={"header": "header"},
)


@pytest.mark.models
@pytest.mark.parametrize(
    ("wanted", "talk"),
    [
        ("ALLERGY", TALK),
        ("PASTSURGICAL", "Doctor: Have you had any surgeries?\nPatient: Yes, my appendix was removed in 1998."),
        ("FAM/SOCHX", "Doctor: Do you smoke or drink?\nPatient: No. My father had a heart attack, my mom is healthy."),
        ("MEDICATIONS", "Doctor: Which medicines do you take?\nPatient: Lisinopril, metformin, and aspirin every day."),
    ],
)
def test_the_weights_that_ship_know_what_is_talked_about(
    case_of: CaseOf, desk: RecordingDesk, wanted: str, talk: str
) -> None:
    (case,) = stage.load(StageName.CLASSIFY, SHIPPED, Device()).run([case_of(talk, language="en")], desk)
    assert [each.header for each in case.headed] == [wanted]
    assert case.classification is not None


@pytest.mark.models
def test_without_its_weights_the_category_is_told_and_a_warning_says_what_lacks(
    case_of: CaseOf, desk: RecordingDesk
) -> None:
    lame = stage.load(StageName.CLASSIFY, replace(SHIPPED, options={"header": "none"}), Device())
    talk, note = lame.run([case_of(TALK, language="en"), case_of("Chest pain for two days.", language="en")], desk)
    assert talk.classification is not None
    assert talk.headed == ()
    assert [len(each.warnings) for each in (talk, note)] == [1, 0]
