"""Where a text says a sign of danger of the patient now: by its mentions, by measured values, and by phrases."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice

from pydantic import BaseModel, ConfigDict

from shared.case import Case, Mention, MentionKind, Span
from worker.clinical.affirmed import any_of, is_affirmed
from worker.clinical.facts import facts_of
from worker.clinical.finding import Finding
from worker.clinical.folded import fold, sentences
from worker.clinical.reading import read

LONGEST_CONTEXT = 400
"""Characters before a phrase that can deny it; what is longer is no sentence, and slow."""
MOST_LAYERS = 3
"""Phrases that overlap are judged one after the other; what overlaps more than so many is not judged again."""


_NO = re.compile(r"(?<![\w\\])(?:no|not|nor|never|without|sin|ni|nunca|n\[)(?!\w)")
"""A no between the words of a phrase takes it back: headache of gradual, not sudden onset."""


class VitalTest(BaseModel):
    """A measured value outside its limits; both limits are exclusive, in UCUM units (mm[Hg], /min, %, Cel)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    attribute: str = "value"
    below: float
    above: float
    fahrenheit: bool = False


class Sign(BaseModel):
    """How one sign is said in English and in Spanish, or how it is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: tuple[str, ...] = ()
    es: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    """Words that, in the same sentence, make it something else."""
    kinds: tuple[MentionKind, ...] = ("symptom", "condition")
    vital: VitalTest | None = None

    @cached_property
    def denies(self) -> bool:
        """Whether a wording of it holds a no of its own, as in cannot breathe."""
        return any(_NO.search(each) for each in (*self.en, *self.es))

    def phrase(self) -> re.Pattern[str]:
        """All its wordings in one expression on folded text."""
        return any_of([*self.en, *self.es])


class Signs:
    """One case made ready to be searched."""

    def __init__(self, case: Case) -> None:
        self._case = case
        text = case.text or ""
        self._folded = fold(text)
        self._sentences = sentences(text)
        self._starts = [each.start for each in self._sentences]
        self._mentions = sorted(case.mentions, key=lambda each: each.start)
        self._mention_starts = [each.start for each in self._mentions]
        self._longest = max((each.end - each.start for each in self._mentions), default=0)
        self._family = [Span(each.start, each.end) for each in case.sections if "family" in each.name]

    def find(self, signs: Mapping[str, Sign], phrases: Mapping[str, re.Pattern[str]]) -> dict[str, tuple[Span, ...]]:
        """Where the text affirms each sign of the patient now.

        Mentions count when they are present, current and the patient's. A phrase that no such mention covers must be
        affirmed by the words around it (worker/clinical/affirmed.py) and by the rules that find facts.
        """
        sure: dict[str, list[Span]] = {}
        said: dict[str, list[Span]] = {}
        for name, sign in signs.items():
            if sign.vital:
                sure[name] = list(self._measured(sign.vital))
                continue
            sure[name] = list(self._mentioned(sign, phrases[name]))
            said[name] = list(self._said(sign, phrases[name]))
        denied = self._denied({span for spans in said.values() for span in spans})
        return {
            name: tuple(_apart([*spans, *(span for span in said.get(name, ()) if span not in denied)]))
            for name, spans in sure.items()
        }

    def _measured(self, test: VitalTest) -> Iterable[Span]:
        for each in self._mentions:
            value = _number(each.attribute(test.attribute))
            if each.kind != "vital" or value is None or not _holds(each):
                continue
            if test.name and not re.search(test.name, fold(f"{each.concept} {each.text}")):
                continue
            if test.fahrenheit and value > 50:  # no body is at 50 Cel: the note wrote Fahrenheit
                value = (value - 32) * 5 / 9
            if test.above < value < test.below:
                yield Span(each.start, each.end)

    def _mentioned(self, sign: Sign, phrase: re.Pattern[str]) -> Iterable[Span]:
        for each in self._mentions:
            if each.kind in sign.kinds and _holds(each) and each.concept and phrase.search(fold(each.concept)):
                yield Span(each.start, each.end)

    def _said(self, sign: Sign, phrase: re.Pattern[str]) -> Iterable[Span]:
        for match in phrase.finditer(self._folded):
            span = Span(*match.span())
            at = bisect_right(self._starts, span.start) - 1
            sentence = self._sentences[at]
            if span.end > sentence.end or any(part.start <= span.start < part.end for part in self._family):
                continue
            if any(not _holds(each) for each in self._covering(span) if each.kind in sign.kinds):
                continue
            if not sign.denies and _NO.search(match.group()):
                continue
            near = Span(
                max(sentence.start, span.start - LONGEST_CONTEXT), min(sentence.end, span.end + LONGEST_CONTEXT)
            )
            if sign.unless and any_of(list(sign.unless)).search(self._folded[near.start : near.end]):
                continue
            answer = self._sentences[at + 1] if at + 1 < len(self._sentences) else None
            if is_affirmed(self._folded, span, near, answer):
                yield span

    def _covering(self, span: Span) -> Iterable[Mention]:
        """The mentions that share words with a place: what they say decides."""
        low = bisect_left(self._mention_starts, span.start - self._longest)
        high = bisect_left(self._mention_starts, span.end)
        return (each for each in islice(self._mentions, low, high) if span.start < each.end)

    def _denied(self, spans: Iterable[Span]) -> set[Span]:
        """Those that the rules of facts read in another sense: denied, asked and not answered, of kin, past, feared."""
        holding = {(each.start, each.end) for each in self._mentions if _holds(each)}
        open_ = sorted((each for each in spans if (each.start, each.end) not in holding), key=lambda each: each.start)
        denied: set[Span] = set()
        for _ in range(MOST_LAYERS):
            layer = list(_apart(open_))
            if not layer:
                break
            denied |= self._judged(layer)
            taken = set(layer)
            open_ = [each for each in open_ if each not in taken]
        return denied

    def _judged(self, spans: Sequence[Span]) -> set[Span]:
        reading = read(self._case.text or "", self._case.language or "en")
        given = {}
        for span in spans:
            first, last = bisect_left(reading.ends, span.start + 1), bisect_left(reading.starts, span.end)
            given[span] = Finding("symptom", first, last, "sign")
        found = facts_of(reading, self._case.segments, given=tuple(given.values())).mentions
        said = {Span(each.start, each.end): each for each in found if each.concept == "sign"}
        return {span for span in spans if span not in said or not _holds(said[span])}


def _holds(mention: Mention) -> bool:
    return (mention.assertion, mention.experiencer, mention.temporality) == ("present", "patient", "current")


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
