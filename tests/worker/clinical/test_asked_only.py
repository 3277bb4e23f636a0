"""A summary of a conversation says nothing that was only asked, or that the patient denied."""

from __future__ import annotations

from shared.case import Case
from worker.clinical.facts import facts
from worker.stages.summarize import extract

TALK = """Doctor: Any chest pain, palpitations or fainting? Any cough?
Patient: Yes.
Doctor: Any other symptoms? You know, muscle aches, night sweats ...
Patient: My back hurts.
Doctor: Do you smoke?
Patient: No, I quit five years ago.
Doctor: What about your father? How old is he?
Patient: He is eighty-two years old. He had a stroke.
Doctor: Any blurred vision?
Patient: My vision is fine."""


def told(text: str) -> str:
    found = facts(text)
    case = Case("text", text=text, language=found.language, mentions=found.mentions, sections=found.sections)
    return " ".join(each.text for each in extract(case).summary).lower()


def test_what_is_only_asked_is_not_told() -> None:
    summary = told(TALK)
    for asked in ("chest pain", "palpitations", "fainting", "syncope", "muscle", "myalgia", "sweats"):
        assert asked not in summary, asked


def test_what_is_said_is_told_as_it_is_said() -> None:
    summary = told(TALK)
    assert "cough" in summary
    assert "back" in summary
    assert "former smoker" in summary
    assert "current smoker" not in summary
    assert "father: stroke" in summary
    assert "no blurred vision" in summary
    assert "82" not in summary
