"""Signs of danger that a published rule names and that the text affirms of the patient now."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from shared.case import Case, Mention, MentionKind, RedFlag, Span, Urgency
from worker.clinical.affirmed import any_of, fold, is_affirmed, sentences

TABLE = Path(__file__).with_name("redflags.toml")
SPANS_PER_FINDING = 3
"""As many places in the text as one finding quotes for one rule."""

_ORDER: dict[Urgency, int] = {"emergency": 0, "urgent": 1, "routine": 2}


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VitalTest(_Row):
    """A measured value outside its limits; both limits are exclusive, in UCUM units (mm[Hg], /min, %, Cel)."""

    name: str | None = None
    attribute: str = "value"
    below: float
    above: float
    fahrenheit: bool = False


class Finding(_Row):
    """How one sign is said in English and in Spanish, or how it is measured."""

    en: tuple[str, ...] = ()
    es: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    """Words that, in the same sentence, make it something else."""
    kinds: tuple[MentionKind, ...] = ("symptom", "condition")
    vital: VitalTest | None = None


class Rule(_Row):
    """What must be found together, and what it then means."""

    id: str
    text: str
    urgency: Urgency
    source: str
    all: tuple[str, ...]
    any: tuple[str, ...] = ()
    at_least: int = 1
    also: tuple[str, ...] = ()
    """One of these must be there too."""
    unless: tuple[str, ...] = ()
    """Rules that say more: when one of them holds, this one is silent."""


class Table(_Row):
    """The whole of redflags.toml."""

    findings: Mapping[str, Finding]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text made ready to be searched."""

    folded: str
    sentences: tuple[Span, ...]
    starts: tuple[int, ...]
    mentions: tuple[Mention, ...]
    family: tuple[Span, ...]


def red_flags(case: Case) -> tuple[RedFlag, ...]:
    """The rules that hold for this case, the most urgent first, each with the words that say so.

    Mentions count when they are present, current and the patient's; phrases that no mention covers count when the
    sentence around them affirms them (worker/clinical/affirmed.py). Sources are named in redflags.toml.
    """
    if not case.text:
        return ()
    reading = _read(case)
    table = read_table()
    found = {name: _find(name, finding, reading) for name, finding in table.findings.items()}
    holding = {rule.id: spans for rule in table.rules if (spans := _evidence(rule, found))}
    flags = [
        RedFlag(rule.id, rule.text, rule.urgency, rule.source, holding[rule.id])
        for rule in table.rules
        if rule.id in holding and not holding.keys() & set(rule.unless)
    ]
    return tuple(sorted(flags, key=lambda flag: _ORDER[flag.urgency]))


@cache
def read_table() -> Table:
    """The rule table, read once."""
    return Table.model_validate(tomllib.loads(TABLE.read_text(encoding="utf-8")))


def _read(case: Case) -> _Reading:
    text = case.text or ""
    parts = sentences(text)
    family = tuple(Span(each.start, each.end) for each in case.sections if "family" in each.name)
    return _Reading(fold(text), parts, tuple(each.start for each in parts), case.mentions, family)


def _evidence(rule: Rule, found: Mapping[str, tuple[Span, ...]]) -> tuple[Span, ...]:
    some = [name for name in rule.any if found[name]]
    also = [name for name in rule.also if found[name]]
    complete = all(found[name] for name in rule.all) and (not rule.also or also)
    if not complete or (rule.any and len(some) < rule.at_least):
        return ()
    spans = {span for name in (*rule.all, *some, *also) for span in found[name][:SPANS_PER_FINDING]}
    return tuple(sorted(spans, key=lambda span: (span.start, span.end)))


def _find(name: str, finding: Finding, reading: _Reading) -> tuple[Span, ...]:
    if finding.vital:
        return tuple(_measured(finding.vital, reading.mentions))
    phrase = _phrase(name)
    spans = [*_mentioned(finding, phrase, reading.mentions), *_said(finding, phrase, reading)]
    return tuple(_apart(spans))


def _measured(test: VitalTest, mentions: Iterable[Mention]) -> Iterable[Span]:
    for each in mentions:
        value = _number(each.attribute(test.attribute))
        if each.kind != "vital" or value is None or not _holds(each):
            continue
        if test.name and not re.search(test.name, fold(f"{each.concept} {each.text}")):
            continue
        if test.fahrenheit and value > 50:  # no body is at 50 Cel: the note wrote Fahrenheit
            value = (value - 32) * 5 / 9
        if test.above < value < test.below:
            yield Span(each.start, each.end)


def _mentioned(finding: Finding, phrase: re.Pattern[str], mentions: Iterable[Mention]) -> Iterable[Span]:
    for each in mentions:
        if each.kind in finding.kinds and _holds(each) and each.concept and phrase.search(fold(each.concept)):
            yield Span(each.start, each.end)


def _said(finding: Finding, phrase: re.Pattern[str], reading: _Reading) -> Iterable[Span]:
    for match in phrase.finditer(reading.folded):
        span = Span(*match.span())
        at = bisect_right(reading.starts, span.start) - 1
        sentence = reading.sentences[at]
        if span.end > sentence.end or any(_within(span, part) for part in reading.family):
            continue
        if any(not _holds(each) for each in reading.mentions if _covers(each, span, finding)):
            continue
        words = reading.folded[sentence.start : sentence.end]
        if finding.unless and any_of(list(finding.unless)).search(words):
            continue
        answer = reading.sentences[at + 1] if at + 1 < len(reading.sentences) else None
        if is_affirmed(reading.folded, span, sentence, answer):
            yield span


@cache
def _phrase(name: str) -> re.Pattern[str]:
    finding = read_table().findings[name]
    return any_of([*finding.en, *finding.es])


def _holds(mention: Mention) -> bool:
    return (mention.assertion, mention.experiencer, mention.temporality) == ("present", "patient", "current")


def _covers(mention: Mention, span: Span, finding: Finding) -> bool:
    """Whether the mention speaks of these very words, so that its assertion decides."""
    overlaps = mention.start < span.end and span.start < mention.end
    return overlaps and mention.kind in finding.kinds


def _within(span: Span, part: Span) -> bool:
    return part.start <= span.start and span.end <= part.end


def _apart(spans: Iterable[Span]) -> Iterable[Span]:
    """The spans in reading order, without those that repeat an earlier one's words."""
    end = -1
    for span in sorted(set(spans), key=lambda each: (each.start, -each.end)):
        if span.start >= end:
            end = span.end
            yield span


def _number(value: str | None) -> float | None:
    found = re.search(r"\d+(?:[.,]\d+)?", value or "")
    return float(found.group().replace(",", ".")) if found else None
