"""A transcript reads the same as JSON, subtitles and text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.case import Case, Page, Segment, Span, Word
from shared.job import Document
from shared.quoting import evidence
from shared.transcript import to_json, to_txt, to_vtt


@pytest.fixture
def case(case_of: Callable[..., Case]) -> Case:
    """Two lines, one with a speaker and signs that mean something in VTT."""
    text = "Is it <5 & --> bad?\nSí."
    words = (Word(20, 23, 3600.5, 3600.5, 0.9),)
    return replace(
        case_of(text, language="es"),
        segments=(
            Segment(0, 19, 0.25, 1.5, "clinician"),
            Segment(20, 23, 3600.5, 3600.5, None, words, ("repetition",)),
        ),
    )


def test_subtitles_name_the_speaker_and_cannot_be_broken_by_what_was_said(case: Case) -> None:
    assert to_vtt(case) == (
        "WEBVTT\n\n"
        "00:00:00.250 --> 00:00:01.500\n<v Clinician>Is it &lt;5 &amp; --&gt; bad?</v>\n\n"
        "01:00:00.500 --> 01:00:00.501\nSí.\n"
    )


def test_plain_text_puts_known_speakers_before_their_lines(case: Case) -> None:
    assert to_txt(case) == "Clinician: Is it <5 & --> bad?\nSí.\n"


def test_json_keeps_offsets_times_and_flags(case: Case) -> None:
    transcript = to_json(case)

    assert transcript["language"] == "es"
    last = transcript["segments"][1]
    assert (last["text"], last["flags"], last["speaker"]) == ("Sí.", ["repetition"], None)
    assert transcript["text"][last["words"][0]["start"] : last["words"][0]["end"]] == "Sí."


@pytest.fixture
def paged(case_of: Callable[..., Case]) -> Case:
    """Two pages of a document, the second one read from a picture."""
    made = case_of("Fever.\n\nTos.", language="en")
    document = Document(blob="b", content_type="application/pdf", sha256="0" * 64, size_bytes=9)
    pages = (Page(1, 0, 6), Page(2, 8, 12, recognised=True))
    return replace(made, origin=replace(made.origin, document=document), pages=pages)


def test_a_document_is_told_by_its_pages_and_as_text_without_a_change(paged: Case) -> None:
    transcript = to_json(paged)

    assert [(each["page"], each["text"], each["recognised"]) for each in transcript["pages"]] == [
        (1, "Fever.", False),
        (2, "Tos.", True),
    ]
    assert to_txt(paged) == transcript["text"] == paged.text


def test_evidence_in_a_document_names_the_page_and_in_a_text_none(paged: Case) -> None:
    spans = [Span(0, 5), Span(8, 11), Span(8, 12)]

    assert [each["page"] for each in evidence(paged, spans)] == [1, 2, 2]
    assert "page" not in evidence(replace(paged, pages=()), spans)[0]


def test_a_case_without_segments_has_an_empty_transcript(case_of: Callable[..., Case]) -> None:
    assert to_vtt(case_of(None)) == "WEBVTT\n"
    assert to_txt(case_of(None)) == ""
    assert to_json(case_of(None))["segments"] == []
