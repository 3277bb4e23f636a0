"""What a model wrote about a text, held against it: what is kept, in its sections, and the facts that are left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from shared.case import Case, Sentence, Span
from worker.clinical import folded, grounds, guards, outline
from worker.clinical.grounds import Source
from worker.clinical.guards import Policy
from worker.clinical.reading import read
from worker.clinical.turns import turns
from worker.clinical.ungendered import ungendered

NARRATIVE_SENTENCES = 8
NOTHING_KEPT = "summarize: the text supported nothing that the model wrote, so the summary is extractive"
VOICES = {"clinician": "Doctor", "patient": "Patient", "relative": "Guest_family"}
"""How MTS-Dialog calls the speakers: a recording's lines are read with these names."""

_ENDS = (".", "!", "?", ":", ";")
_NUMBERED = re.compile(r"([.;:])\s+\d{1,2}[.)](?=\s|$)")
"""The number of an item that goes on in the same line."""
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


def checked(case: Case, written: Sequence[str], policy: Policy, behind: int) -> Case:
    """Keep what the text supports, and let the rules tell the sections that the model left out and what lies `behind`.

    When the text supports nothing, the case has no summary, and a warning. What is flagged stands in the summary,
    marked, and never in the narrative.
    """
    source = grounds.read(case)
    lines = dict.fromkeys(line for each in written for line in sentences(each) if line)
    drafts = [Sentence(text=line, section="subjective", evidence=()) for line in lines]
    judged = guards.keep(source, [_ungendered(source, each) for each in drafts], policy)
    kept = [_placed(case, each) for each in judged if each.support != "unsupported"]
    if not kept:
        return replace(case, warnings=(*case.warnings, NOTHING_KEPT))
    flagged = [each for each in judged if each.support == "unsupported"]
    warnings = (*case.warnings, guards.FLAGGED) if flagged else case.warnings
    ordered = sorted([*kept, *_left_out(case, kept, behind), *flagged], key=_place)
    told = tuple(replace(each, section="narrative") for each in kept[:NARRATIVE_SENTENCES])
    return replace(case, summary=tuple(ordered), narrative=told, warnings=warnings)


def sentences(written: str) -> list[str]:
    """The sentences of what a model wrote, without bullets and numbers, and without a last one that was cut off."""
    lines = [_BULLET.sub("", _NUMBERED.sub(r"\1 ", line)) for line in written.splitlines()]
    told = [line[span.start : span.end].strip() for line in lines for span in folded.sentences(line)]
    whole = told[:-1] if len(told) > 1 and not told[-1].endswith(_ENDS) else told
    return [each for each in whole if any(letter.isalpha() for letter in each)]


def _ungendered(source: Source, draft: Sentence) -> Sentence:
    """The sentence without he and she where the text does not call the patient so; as it is where nothing is gained."""
    if not {"gender", "person"} & guards.check(source, draft.text).doubts:
        return draft
    neutral = replace(draft, text=ungendered(draft.text))
    return neutral if guards.check(source, neutral.text).support != "unsupported" else draft


def with_voices(case: Case, span: Span) -> str:
    """A stretch of a text as the model learnt to read it: one turn a line, with who speaks where that is known."""
    text = case.text or ""
    if not any(each.speaker for each in case.segments):
        return text[span.start : span.end]
    reading = read(text, case.language or "en")
    lines = []
    for turn in turns(reading, case.segments):
        said = reading.span(turn.start, turn.end)
        words = text[max(said.start, span.start) : min(said.end, span.end)].strip()
        if words:
            lines.append(f"{VOICES[turn.speaker]}: {words}" if turn.speaker else words)
    return "\n".join(lines) or text[span.start : span.end]


def _placed(case: Case, sentence: Sentence) -> Sentence:
    return replace(sentence, section=outline.section_of(case, sentence.evidence[0]))


def _place(sentence: Sentence) -> int:
    return outline.SECTIONS.index(sentence.section)


def _left_out(case: Case, kept: Sequence[Sentence], behind: int) -> list[Sentence]:
    """The facts of sections of which the model says nothing, and the sentences of what it did not read."""
    told = {each.section for each in kept}
    lacking = [each for each in outline.composed(case) if each.section not in told]
    late = [each for each in outline.summary(case) if each.evidence[0].start >= behind and each.section in told]
    return [*lacking, *late]
