"""What a model wrote about a text, held against it: what is kept, in its sections, and the facts that are left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from shared.case import Case, Sentence, Span
from worker.clinical import firm, folded, grounds, guards, narrated, noted, outline, sense, wording
from worker.clinical.clauses import clauses
from worker.clinical.grounds import Source
from worker.clinical.guards import Policy
from worker.clinical.mended import at_present, mended, ungendered, unstated, without_items
from worker.clinical.reading import read
from worker.clinical.turns import turns

NARRATIVE_SENTENCES = 8
SHORT_SHARE = 0.1
"""A narrative with fewer words than this part of the text gets the facts that it leaves out."""
NOTHING_KEPT = "summarize: the text supported nothing that the model wrote, so the summary is extractive"
VOICES = {"clinician": "Doctor", "patient": "Patient", "relative": "Guest_family"}
"""How MTS-Dialog calls the speakers: a recording's lines are read with these names."""

_TELLS_SEX = re.compile(
    r"(?<!\w)(?:sir|ma'am|miss|mister|mrs?|ms|lady|ladies|gentleman|man|woman|boy|girl|guy|dude|husband|wife|"
    r"s?he|his|hers|male|female|pregnan\w+|prostate|periods?)(?!\w)"
)
"""What tells more of a patient's sex than the words for relatives."""
_ENDS = (".", "!", "?", ":", ";")
_NUMBERED = re.compile(r"([.;:])\s+\d{1,2}[.)](?=\s|$)")
"""The number of an item that goes on in the same line."""
_SPELT = re.compile(r"(?<!\w)([A-Z])\.([A-Z])\.(?=\s[a-z])")
"""I.T. company: its points end no sentence."""
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


def checked(case: Case, written: Sequence[str], policy: Policy, behind: int) -> Case:
    """Keep what the text supports, and let the rules tell the sections that the model left out and what lies `behind`.

    When the text supports nothing, the case has no summary, and a warning. What is flagged stands in the summary,
    marked, and never in the narrative.
    """
    source = grounds.read(case)
    lines = dict.fromkeys(line for each in written for line in sentences(each) if line)
    if outline.is_talk(case):
        lines = dict.fromkeys(_as_said(source, line) for line in lines)
    drafts = [Sentence(text=line, section="subjective", evidence=()) for line in lines]
    judged = guards.keep(source, [_mended(source, each) for each in drafts], policy)
    kept = _new(
        [_placed(case, each) for each in judged if each.support != "unsupported" and _is_firm(case, source, each)]
    )
    if not kept:
        return replace(case, narrative=_by_rules(case, source), warnings=(*case.warnings, NOTHING_KEPT))
    flagged = [each for each in judged if each.support == "unsupported"]
    warnings = (*case.warnings, guards.FLAGGED) if flagged else case.warnings
    ordered = sorted([*kept, *_left_out(case, kept, behind), *flagged], key=_place)
    all_ = _told(case, source, kept, is_cut=len(kept) < len(drafts))
    told = tuple(replace(each, section="narrative") for each in all_)
    return replace(case, summary=tuple(ordered), narrative=told, warnings=warnings)


def by_rules(case: Case) -> tuple[Sentence, ...]:
    """The narrative that no model wrote."""
    told = _by_rules(case, grounds.read(case)) if outline.is_talk(case) else ()
    return told or outline.narrative(case)


def _by_rules(case: Case, source: Source) -> tuple[Sentence, ...]:
    """Of a conversation what is said and what was found; for a talk of relatives at least the first words."""
    told = narrated.rules(case, source) or (outline.quoted(case) if noted.is_of_family(case) else ())
    return tuple(replace(each, section="narrative") for each in told)


def _told(case: Case, source: Source, kept: Sequence[Sentence], *, is_cut: bool) -> Sequence[Sentence]:
    """A model's sentences and what they leave out: of a conversation all that rules tell, else facts where much is."""
    if outline.is_talk(case) and (told := narrated.beside(case, source, kept)):
        return told
    is_short = sum(len(each.text.split()) for each in kept) < SHORT_SHARE * len((case.text or "").split())
    facts = _untold(case, source, kept) if is_short or is_cut else []
    return [*kept, *facts][:NARRATIVE_SENTENCES]


def sentences(written: str) -> list[str]:
    """The sentences of what a model wrote, without bullets and numbers, and without a last one that was cut off."""
    lines = [_BULLET.sub("", _SPELT.sub(r"\1\2", _NUMBERED.sub(r"\1 ", line))) for line in written.splitlines()]
    told = [line[span.start : span.end].strip() for line in lines for span in folded.sentences(line)]
    whole = told[:-1] if len(told) > 1 and not told[-1].endswith(_ENDS) else told
    return [each for at, each in enumerate(whole) if _tells(each) and not (at and each[0].islower())]


def _tells(sentence: str) -> bool:
    """Whether it is more than the number of a list or a bare quantity."""
    written = wording.read(sentence)
    return any(letter.isalpha() for letter in sentence) and (bool(written.stems) or not written.numbers)


def _is_firm(case: Case, source: Source, sentence: Sentence) -> bool:
    """Of a conversation only what the stricter check bears out; a note's sentences are mostly its own words."""
    return not outline.is_talk(case) or firm.is_firm(source, sentence.text, guards.check(source, sentence.text))


def _as_said(source: Source, line: str) -> str:
    """A sentence of a conversation without who states it, and in the present where the text supports that and speaks of
    no history."""
    told = unstated(line)
    now = at_present(told)
    if now == told or "history" in source.words:
        return told
    verdict = guards.check(source, now)
    return told if verdict.support == "unsupported" or "past" in verdict.doubts else now


def _mended(source: Source, draft: Sentence) -> Sentence:
    """The sentence without what the text does not tell of age and sex, or of a list's items; as it is where that does
    not help."""
    if not _TELLS_SEX.search(" ".join(each.folded for each in source.sentences)):
        draft = replace(draft, text=ungendered(draft.text))
    verdict = guards.check(source, draft.text)
    if verdict.support != "unsupported" and "gender" not in verdict.doubts:
        return draft
    tried = ((text, guards.check(source, text)) for text in mended(draft.text))
    better = (text for text, found in tried if found.support != "unsupported" and "gender" not in found.doubts)
    shorter = next(better, None) or without_items(
        draft.text, lambda item: guards.check(source, item).support == "supported"
    )
    return replace(draft, text=shorter) if shorter else draft


def _untold(case: Case, source: Source, kept: Sequence[Sentence]) -> list[Sentence]:
    """The facts that no kept sentence names, in short sentences: they stand for what was dropped."""
    told = frozenset().union(*(wording.read(each.text).stems for each in kept))
    return [each for each in _facts(case, source) if not wording.read(each.text).stems <= told]


def _facts(case: Case, source: Source) -> Sequence[Sentence]:
    """All facts in short sentences: of an English conversation in the manner of a note."""
    if outline.is_talk(case) and (told := noted.noted(case, source)):
        return told
    lacking = [each for each in clauses(case) if not each.more]
    return outline.by_section([each for each in lacking if each.text[0].isalpha()])


def _new(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Those that say something which none before them has said."""
    told: list[frozenset[str]] = []
    kept: list[Sentence] = []
    for each in sentences:
        written = wording.read(each.text)
        says = (
            written.stems | {number.value for number in written.numbers} | {f"{side} side" for side, _ in written.sides}
        )
        says |= {"not"} if sense.denied_stems(folded.fold(each.text)) else frozenset()
        if says in told and len(each.text) > len(kept[told.index(says)].text):
            kept[told.index(says)] = each
        elif not any(says <= other for other in told):
            kept.append(each)
            told.append(says)
    return kept


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
