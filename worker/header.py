"""Which section of a note each stretch of a conversation would be written into: the headers of MTS-Dialog."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.case import Case, Headed, Span
from worker import classifier
from worker.classifier import About
from worker.clinical import outline, reading
from worker.clinical.turns import Turn, turns
from worker.stage import Listen, undisturbed
from worker.windows import merge, windows

SPECIAL_TOKENS = 2  # [CLS] and [SEP]
ONE_TOPIC_WORDS = 600
"""A conversation of no more words is read as one stretch: 99 % of those are that the model learnt from, and no visit is
so short."""
_CLINICIANS = re.compile(r"(?mi)^[ \t]{0,8}(?:doctor|guest_clinician|clinician|nurse|physician|provider)(?: ?\d)?:")
_BRACKETS = re.compile(r"(?m)^\[(\w{1,20})\]:?")
"""[doctor] and the like: the training set writes Doctor:."""
STRETCH_TOKENS = 96
"""A longer one is read in stretches of about so many tokens, whole rounds of question and answer where they fit."""
VOICES = {"clinician": "Doctor", "patient": "Patient", "relative": "Guest_family"}
"""How the training set calls the speakers; a recording's lines are read with these names."""


class Scorer(Protocol):
    """What scores texts against labels: worker/classifier.py, or another engine with its weights."""

    @property
    def about(self) -> About: ...
    def score(self, texts: Sequence[str], listen: Listen = undisturbed) -> list[list[float]]: ...
    def lengths(self, texts: Sequence[str]) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class Named:
    """The likeliest header of a text, and how sure that is, 0 to 1."""

    header: str
    confidence: float


class Headers:
    """Names the headers of conversations."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._limit = scorer.about.window_tokens - SPECIAL_TOKENS

    def name(self, texts: Sequence[str], listen: Listen = undisturbed) -> list[Named]:
        """The one header of each text, in the order given; the windows of a long one are scored and merged."""
        cut = [self._windows(text) for text in texts]
        rows = iter(self._scorer.score([window for each in cut for window in each], listen))
        merged = [merge([next(rows) for _ in each]) for each in cut]
        labels = self._scorer.about.labels
        return [Named(labels[row.index(max(row))], max(row)) for row in merged]

    def mark(self, cases: Sequence[Case], listen: Listen = undisturbed) -> list[tuple[Headed, ...]]:
        """The headed stretches of each case in the order of its text: of English conversations, and of nothing else.

        Neighbours of one header are one stretch; all windows of all cases share their batches.
        """
        spans = [self._stretches(case) if is_read(case) else [] for case in cases]
        texts = [_told(case, span) for case, mine in zip(cases, spans, strict=True) for span in mine]
        named = iter(self.name(texts, listen))
        return [_joined([self._headed(span, next(named)) for span in mine]) for mine in spans]

    def _windows(self, text: str) -> list[str]:
        return [text[span.start : span.end] for span in windows(text, self._scorer.lengths, self._limit)] or [text]

    def _stretches(self, case: Case) -> list[Span]:
        text = case.text or ""
        if len(text.split()) <= ONE_TOPIC_WORDS:
            return [Span(len(text) - len(text.lstrip()), len(text.rstrip()))]
        packed: list[Span] = []
        room = 0
        rounds = _rounds(case) or windows(text, self._scorer.lengths, STRETCH_TOKENS)
        for each, size in zip(rounds, self._scorer.lengths([case.quote(span) for span in rounds]), strict=True):
            if packed and size <= room:
                packed[-1] = Span(packed[-1].start, each.end)
                room -= size
            else:
                packed.append(each)
                room = STRETCH_TOKENS - size
        return packed

    def _headed(self, span: Span, named: Named) -> Headed:
        sure = named.confidence >= self._scorer.about.threshold
        return Headed(named.header, named.confidence, span.start, span.end, sure)


def read(base: Path, adapter: Path, *, device: str = "cpu") -> Headers:
    """What names headers, by the encoder in `base` and our weights in `adapter`.

    Raises ModelUnavailableError when either folder is missing, damaged or does not fit the other.
    """
    return Headers(classifier.read(base, adapter, device=device))


def is_read(case: Case) -> bool:
    """Whether a case has stretches to be headed: it is an English conversation without headings of its own.

    Clinicians who talk among themselves converse too, though nobody tells of himself.
    """
    text = case.text or ""
    if case.language != "en" or case.sections or not text.strip():
        return False
    return len(_CLINICIANS.findall(text)) > 1 or outline.is_talk(case)


def _rounds(case: Case) -> list[Span]:
    """The turns of a conversation, those of a question and its answers in one; none where nobody knows who speaks."""
    heard = reading.read(case.text or "", "en")
    said = turns(heard, case.segments)
    starts = [at for at, each in enumerate(said) if at == 0 or _asks_again(said[at - 1], each)]
    stops = [*starts[1:], len(said)]
    edges = [heard.ends[said[at - 1].end - 1] if at else 0 for at in (*starts, len(said))]
    return [Span(edges[at], edges[at + 1]) for at in range(len(stops))]


def _asks_again(before: Turn, turn: Turn) -> bool:
    return turn.speaker == "clinician" and before.speaker != "clinician"


def _told(case: Case, span: Span) -> str:
    """The words of a stretch; of a recording with the names of the speakers, as the training set writes them."""
    lines = [each for each in case.segments if each.speaker in VOICES and span.start <= each.start < span.end]
    if not lines:
        return _BRACKETS.sub(r"\1:", case.quote(span))
    return "\n".join(f"{VOICES[each.speaker or '']}: {case.quote(Span(each.start, each.end))}" for each in lines)


def _joined(headed: Sequence[Headed]) -> tuple[Headed, ...]:
    """Neighbours of one header in one, as sure as the surest of them."""
    found: list[Headed] = []
    for each in headed:
        if found and found[-1].header == each.header:
            last = found[-1]
            surer = max(last.confidence, each.confidence)
            found[-1] = Headed(each.header, surer, last.start, each.end, last.sure or each.sure)
        else:
            found.append(each)
    return tuple(found)
