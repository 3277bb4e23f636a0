"""Whether a text supports a sentence that was written about it, and which words of the text do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from shared.case import Sentence, Span, Support
from worker.clinical import closeness, nothing, wording
from worker.clinical.doubts import Doubt, all_doubts, gender_doubts, own_stems
from worker.clinical.grounds import Said, Source, align, find_named
from worker.clinical.wording import Wording

Policy = Literal["drop", "flag"]
"""What becomes of a sentence that the text does not support."""

SLIGHT: frozenset[Doubt] = frozenset({"past", "gender"})
"""Doubts that mark a sentence and do not drop it."""
NEVER: frozenset[Doubt] = frozenset({"invented"})
"""Doubts that no policy lets pass: nobody gets an age, a name or a date that the text does not give."""
FLAGGED = "The guard does not find support in the text for a sentence that is marked as unsupported."
CLAUSE_WORDS = 3
"""A stretch between semicolons with fewer words is an item of a list, and is judged with its neighbours."""

_CLAUSES = re.compile(r"(?<=[;!?])\s+|(?<=\w\w[.])(?<!\b[DMS][rs]\.)(?<!\bMrs\.)(?<!\b[SD]ra\.)\s+(?=[A-ZÁÉÍÓÚÑ])")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found."""

    support: Support
    evidence: tuple[Span, ...]
    doubts: frozenset[Doubt]


def check(source: Source, text: str) -> Verdict:
    """Judge one written sentence: numbers, doses, sides, names, who, and whether it is so or denied.

    supported: it is a sentence of the source, or all its meaning words stand in at most four of them. partial: a word
    or two are its own and none of them clinical, it tells the past as present, or calls the patient he or she where the
    text does not. unsupported: anything else. Where semicolons part it into clauses, each is judged on its own.
    """
    parts = _CLAUSES.split(text.strip())
    if len(parts) == 1 or any(len(part.split()) < CLAUSE_WORDS for part in parts):
        return _check(source, text)
    verdicts = [_check(source, part) for part in parts]
    doubts = frozenset().union(*(each.doubts for each in verdicts))
    worst = max((each.support for each in verdicts), key=("supported", "partial", "unsupported").index)
    spans = dict.fromkeys(span for each in verdicts for span in each.evidence)
    return Verdict(worst, () if worst == "unsupported" else tuple(sorted(spans, key=lambda span: span.start)), doubts)


def keep(source: Source, sentences: Iterable[Sentence], policy: Policy = "drop") -> tuple[Sentence, ...]:
    """The sentences that the text supports at least in part, each marked and with its evidence.

    The others go; with the policy `flag` they stay, marked as unsupported and without evidence, unless they bring an
    age, a name or a date that the text does not have.
    """
    judged = ((each, check(source, each.text)) for each in sentences)
    return tuple(
        replace(each, support=verdict.support, evidence=verdict.evidence)
        for each, verdict in judged
        if verdict.support != "unsupported" or (policy == "flag" and not verdict.doubts & NEVER)
    )


def _check(source: Source, text: str) -> Verdict:
    written = wording.read(text)
    if (same := _as_it_stands(source, written)) is not None:
        slight = frozenset(gender_doubts(source, written))
        if not slight - SLIGHT:
            return Verdict("partial" if slight else "supported", (same.span,), slight)
    if spans := nothing.rests_on(source, written):
        return Verdict("supported", spans, frozenset())
    named = find_named(source, text)
    evidence = align(source, written, named)
    doubts = frozenset(all_doubts(source, text, written, named, evidence))
    if doubts - SLIGHT:
        return Verdict("unsupported", (), doubts)
    partial = doubts or own_stems(written, named, evidence)
    return Verdict("partial" if partial else "supported", _spans(evidence), doubts)


def _as_it_stands(source: Source, written: Wording) -> Said | None:
    """The sentence of the text that says the same in the same words, but for the subject and the tense of reporting."""
    bones = closeness.bones(written.words)
    return next((said for said in source.sentences if bones and said.bones == bones and not said.asks), None)


def _spans(evidence: Sequence[Said]) -> tuple[Span, ...]:
    return tuple(said.span for said in evidence)
