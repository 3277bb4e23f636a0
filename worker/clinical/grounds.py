"""A case made ready for the guard: its sentences taken apart, and which of them a written sentence rests on."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from shared.case import Case, Mention, Span
from worker.clinical import claims, closeness, reading, sense, trends, wording
from worker.clinical.claims import Claim
from worker.clinical.folded import fold, sentences
from worker.clinical.terminology import terminology
from worker.clinical.trends import Trend
from worker.clinical.wording import Wording

Names = Callable[[str], Iterable[tuple[str, str]]]
"""Gives the drugs, diseases and symptoms that a text names: the words there, and the concept's plain name."""

VITALS = Path(__file__).with_name("data") / "vitals.toml"
SOURCES = 4
"""As many sentences of the text as one written sentence may rest on."""


@dataclass(frozen=True)
class Said:
    """One sentence of the source, and the one that follows it, which may be its answer."""

    span: Span
    folded: str
    answer: str
    wording: Wording
    before: Wording
    """The sentence before: what it asks or names, this one may tell more about."""

    @cached_property
    def around(self) -> frozenset[str]:
        """The stems of this sentence and of the one before."""
        return self.wording.stems | self.before.stems

    @cached_property
    def claims(self) -> frozenset[Claim]:
        """What its words claim: better, twice, mother."""
        return frozenset(each.claim for each in claims.of(self.wording.words))

    @cached_property
    def bones(self) -> tuple[str, ...]:
        """Its words without the frame around them (worker/clinical/closeness.py)."""
        return closeness.bones(self.wording.words)

    @cached_property
    def sequence(self) -> tuple[str, ...]:
        """What it says, in order (worker/clinical/closeness.py)."""
        return closeness.sequence(self.wording.words)

    @cached_property
    def whole(self) -> tuple[str, ...]:
        """The same with the plain words."""
        return closeness.sequence(self.wording.words, whole=True)

    @cached_property
    def denied(self) -> frozenset[str]:
        """The stems of the words that it denies."""
        return sense.denied_stems(self.folded)

    @property
    def asks(self) -> bool:
        """Whether it is a question, which says nothing by itself."""
        return self.folded.endswith("?")


@dataclass(frozen=True, slots=True)
class Source:
    """A case made ready to be checked against."""

    sentences: tuple[Said, ...]
    words: frozenset[str]
    stems: frozenset[str]
    mentions: tuple[Mention, ...]
    names: Names
    known: frozenset[frozenset[str]]
    """The concepts that the text names, each as its stems."""
    sided: frozenset[tuple[str, str]]
    """The sides of what it mentions, each with every stem of that."""
    trends: frozenset[Trend]
    """From what number to what, as any sentence tells."""


@dataclass(frozen=True, slots=True)
class Named:
    """Where a written sentence names what the text mentions, and all that the text says about that."""

    span: Span
    stems: frozenset[str]
    mentions: tuple[Mention, ...]


def read(case: Case, names: Names | None = None) -> Source:
    """Take the case's text apart once, for many checks; without `names` the terminology gives them."""
    text = case.text or ""
    spans = sentences(text)
    folded = [fold(case.quote(span)) for span in spans]
    taken = [wording.read(own) for own in folded]
    said = tuple(map(Said, spans, folded, [*folded[1:], ""], taken, [wording.read(""), *taken]))
    words = frozenset(word for each in said for word in each.wording.words)
    finder = names or concepts(case.language)
    named = frozenset(wording.read(concept).stems for _, concept in finder(text))
    theirs = frozenset().union(*(each.stems for each in taken))
    own = {each: stems(each) for each in case.mentions}
    sided = frozenset((each.attribute("laterality") or "", stem) for each, all_ in own.items() for stem in all_)
    moved = frozenset().union(*(trends.trends(each.words) for each in taken))
    return Source(said, words, theirs, case.mentions, finder, named.union(own.values()), sided, moved)


def concepts(language: str | None) -> Names:
    """What the terminology finds in a text of that language."""

    def find(text: str) -> Iterable[tuple[str, str]]:
        read = reading.read(text, language or "en")
        return [(read.words(each.start, each.end), each.concept.name) for each in terminology().find(read)]

    return find


def strange_names(source: Source, text: str) -> list[str]:
    """The concepts that a sentence names and the text does not: neither in these words nor within a longer name."""
    return [
        concept
        for words, concept in source.names(text)
        if not wording.read(words).stems <= source.stems
        and not any(
            wording.read(concept).stems <= known or wording.read(words).stems <= known for known in source.known
        )
    ]


def find_named(source: Source, text: str) -> tuple[Named, ...]:
    """What the text mentions and the sentence names, by its words or by its concept; the longest name wins."""
    folded = fold(text)
    found: dict[Span, list[Mention]] = {}
    for mention in source.mentions:
        names = dict.fromkeys([fold(mention.text), fold(mention.concept or mention.text), *_more_names(mention)])
        at = next((span for name in names if (span := _find(folded, name))), None)
        if at is not None:
            found.setdefault(at, []).append(mention)
    longest = [span for span in found if not any(_inside(span, other) for other in found)]
    return tuple(
        Named(span, frozenset(stem for each in found[span] for stem in stems(each)), tuple(found[span]))
        for span in sorted(longest, key=lambda each: each.start)
    )


def align(source: Source, written: Wording, named: Sequence[Named]) -> tuple[Said, ...]:
    """The few sentences of the source that together cover most of what was written, in reading order."""
    uncovered = set(written.stems)
    numbers = {number.value for number in written.numbers}
    mentions = {mention.start for each in named for mention in each.mentions}
    chosen: list[Said] = []
    while source.sentences and len(chosen) < SOURCES:
        best = max(source.sentences, key=lambda said: _cover(said, uncovered, numbers, mentions))
        if not _cover(best, uncovered, numbers, mentions):
            break
        chosen.append(best)
        uncovered -= best.wording.stems
        numbers -= values([best])
        mentions = {at for at in mentions if not covers(best, at)}
    return tuple(sorted(chosen, key=lambda said: said.span.start))


def covers(said: Said, at: int) -> bool:
    """Whether a place of the text lies in this sentence."""
    return said.span.start <= at < said.span.end


def values(sentences: Iterable[Said]) -> set[str]:
    """All numbers of some sentences; 142/91 is 142 and 91 too."""
    whole = {number.value for said in sentences for number in said.wording.numbers}
    return whole | {part for value in whole for part in value.split("/")}


def stems(mention: Mention) -> frozenset[str]:
    """Of a mention's words and of its concept's name; of a vital sign by all its names."""
    return wording.read("; ".join((mention.text, mention.concept or "", *_more_names(mention)))).stems


def _more_names(mention: Mention) -> Sequence[str]:
    return _vital_names().get(mention.concept or "", ()) if mention.kind == "vital" else ()


@cache
def _vital_names() -> dict[str, Sequence[str]]:
    table = tomllib.loads(VITALS.read_text(encoding="utf-8"))
    named = {concept: sorted(sign["names"], key=len, reverse=True) for concept, sign in table.items()}
    return named | {"blood pressure": ("blood pressure", "tension arterial", "presion arterial", "bp", "ta", "pa")}


def _cover(said: Said, uncovered: set[str], numbers: set[str], mentions: set[int]) -> int:
    mentioned = sum(covers(said, at) for at in mentions)
    return len(uncovered & said.wording.stems) + len(numbers & values([said])) + mentioned


def _inside(span: Span, other: Span) -> bool:
    return span != other and other.start <= span.start and span.end <= other.end


def _find(folded: str, name: str) -> Span | None:
    """Where a name stands as whole words, in the plural too."""
    at = folded.find(name)
    while at >= 0 and name:
        end = at + len(name)
        end += folded[end : end + 1] == "s"
        if not (folded[max(0, at - 1) : at].isalnum() or folded[end : end + 1].isalnum()):
            return Span(at, end)
        at = folded.find(name, at + 1)
    return None
