"""Whether a text supports a sentence that a model wrote about it, and which words of the text do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from shared.case import Case, Mention, Sentence, Span, Support
from worker.clinical import affirmed, reading, sense, wording
from worker.clinical.affirmed import fold
from worker.clinical.terminology import terminology
from worker.clinical.wording import Wording

Doubt = Literal[
    "number", "dose", "side", "denied", "affirmed", "person", "gender", "past", "name", "wording", "nothing"
]
"""What is wrong with a sentence: for counting and for tests; it never holds words of the text."""

Names = Callable[[str], Iterable[tuple[str, str]]]
"""Gives the drugs, diseases and symptoms that a text names: the words there, and the concept's plain name."""

SOURCES = 4
"""As many sentences of the text as one written sentence may rest on."""
NEW_WORDS = 1
NEW_SHARE = 0.2
"""A sentence with more words of its own than both of these is not a summary of the text."""
SLIGHT: frozenset[Doubt] = frozenset({"past", "gender"})
"""Doubts that mark a sentence and do not drop it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found."""

    support: Support
    evidence: tuple[Span, ...]
    doubts: frozenset[Doubt]


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of the source, and the one that follows it, which may be its answer."""

    span: Span
    folded: str
    answer: str
    wording: Wording


@dataclass(frozen=True, slots=True)
class Source:
    """A case made ready to be checked against."""

    sentences: tuple[Said, ...]
    words: frozenset[str]
    mentions: tuple[Mention, ...]
    names: Names
    known: frozenset[frozenset[str]]
    """The concepts that the text names, each as its stems."""


@dataclass(frozen=True, slots=True)
class Named:
    """Where a written sentence names what the text mentions, and all that the text says about that."""

    span: Span
    stems: frozenset[str]
    mentions: tuple[Mention, ...]


def concepts(language: str | None) -> Names:
    """What the terminology finds in a text of that language."""

    def find(text: str) -> Iterable[tuple[str, str]]:
        read = reading.read(text, language or "en")
        return [(read.words(each.start, each.end), each.concept.name) for each in terminology().find(read)]

    return find


def read(case: Case, names: Names | None = None) -> Source:
    """Take the case's text apart once, for many checks; without `names` the terminology gives them."""
    text = case.text or ""
    spans = affirmed.sentences(text)
    folded = [fold(case.quote(span)) for span in spans]
    said = tuple(
        Said(span, own, answer, wording.read(own))
        for span, own, answer in zip(spans, folded, [*folded[1:], ""], strict=False)
    )
    words = frozenset(word for each in said for word in each.wording.words)
    finder = names or concepts(case.language)
    named = frozenset(wording.read(concept).stems for _, concept in finder(text))
    return Source(said, words, case.mentions, finder, named.union(map(_stems, case.mentions)))


def strange_names(source: Source, text: str) -> list[str]:
    """The concepts that a sentence names and the text does not: neither in these words nor within a longer name."""
    theirs = frozenset().union(*(said.wording.stems for said in source.sentences))
    return [
        concept
        for words, concept in source.names(text)
        if not wording.read(words).stems <= theirs
        and not any(wording.read(concept).stems <= known for known in source.known)
    ]


def check(source: Source, text: str) -> Verdict:
    """Judge one written sentence: numbers, doses, sides, names, who, and whether it is so or denied.

    supported: all its meaning words stand in at most four sentences of the source. partial: a word or two are its own
    and none of them clinical, it tells the past as present, or calls the patient he or she where the text does not.
    unsupported: anything else.
    """
    written = wording.read(text)
    named = find_named(source, text)
    evidence = _align(source, written, named)
    doubts = frozenset(_doubts(source, text, written, named, evidence))
    if doubts - SLIGHT:
        return Verdict("unsupported", (), doubts)
    partial = doubts or _own(written, named, evidence)
    return Verdict("partial" if partial else "supported", tuple(said.span for said in evidence), doubts)


def _doubts(
    source: Source, text: str, written: Wording, named: Sequence[Named], evidence: Sequence[Said]
) -> Iterable[Doubt]:
    own = _own(written, named, evidence)
    if not evidence or not (written.stems or written.numbers):
        yield "nothing"
    if len(own) > max(NEW_WORDS, NEW_SHARE * len(written.stems)):
        yield "wording"
    yield from _number_doubts(source, written, evidence)
    yield from _side_doubts(source, written, evidence)
    yield from _sense_doubts(text, named, evidence)
    yield from _loose_doubts(text, written, named, evidence)
    yield from _gender_doubts(source, written)
    yield from _name_doubts(source, written, text, own)


def keep(source: Source, sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """The sentences that the text supports at least in part, each marked and with its evidence; the others go."""
    judged = ((each, check(source, each.text)) for each in sentences)
    return tuple(
        replace(each, support=verdict.support, evidence=verdict.evidence)
        for each, verdict in judged
        if verdict.support != "unsupported"
    )


def find_named(source: Source, text: str) -> tuple[Named, ...]:
    """What the text mentions and the sentence names, by its words or by its concept; the longest name wins."""
    folded = fold(text)
    found: dict[Span, list[Mention]] = {}
    for mention in source.mentions:
        names = dict.fromkeys([fold(mention.text), fold(mention.concept or mention.text)])
        at = next((span for name in names if (span := _find(folded, name))), None)
        if at is not None:
            found.setdefault(at, []).append(mention)
    longest = [span for span in found if not any(_inside(span, other) for other in found)]
    return tuple(
        Named(span, frozenset(stem for each in found[span] for stem in _stems(each)), tuple(found[span]))
        for span in sorted(longest, key=lambda each: each.start)
    )


def _stems(mention: Mention) -> frozenset[str]:
    return wording.read(f"{mention.text} {mention.concept or ''}").stems


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


def _align(source: Source, written: Wording, named: Sequence[Named]) -> tuple[Said, ...]:
    """The few sentences of the source that together cover most of what was written, in reading order."""
    stems = set(written.stems)
    numbers = {number.value for number in written.numbers}
    mentions = {mention.start for each in named for mention in each.mentions}
    chosen: list[Said] = []
    while source.sentences and len(chosen) < SOURCES:
        best = max(source.sentences, key=lambda said: _cover(said, stems, numbers, mentions))
        if not _cover(best, stems, numbers, mentions):
            break
        chosen.append(best)
        stems -= best.wording.stems
        numbers -= _values([best])
        mentions = {at for at in mentions if not _covers(best, at)}
    return tuple(sorted(chosen, key=lambda said: said.span.start))


def _cover(said: Said, stems: set[str], numbers: set[str], mentions: set[int]) -> int:
    return len(stems & said.wording.stems) + len(numbers & _values([said])) + sum(_covers(said, at) for at in mentions)


def _covers(said: Said, at: int) -> bool:
    return said.span.start <= at < said.span.end


def _values(sentences: Iterable[Said]) -> set[str]:
    whole = {number.value for said in sentences for number in said.wording.numbers}
    return whole | {part for value in whole for part in value.split("/")}


def _own(written: Wording, named: Sequence[Named], evidence: Sequence[Said]) -> frozenset[str]:
    """The stems that are the writer's own."""
    theirs = [*(said.wording.stems for said in evidence), *(each.stems for each in named)]
    return written.stems.difference(*theirs)


def _number_doubts(source: Source, written: Wording, evidence: Sequence[Said]) -> Iterable[Doubt]:
    amounts = {(number.value, number.unit) for said in evidence for number in said.wording.numbers}
    if any(number.value not in _values(evidence) for number in written.numbers):
        yield "number"
    if any(number.unit and (number.value, number.unit) not in amounts for number in written.numbers):
        yield "dose"
    drugs = frozenset(fold(each.text).split()[0] for each in source.mentions if each.kind == "medication")
    given = {pair for said in source.sentences for pair in _drug_doses(said.wording, drugs)}
    if not given.issuperset(_drug_doses(written, drugs)):
        yield "dose"


def _drug_doses(words: Wording, drugs: frozenset[str]) -> Iterable[tuple[str, str]]:
    """Each drug with the amounts that follow it before the next drug."""
    places = [at for at, word in enumerate(words.words) if word in drugs]
    for at, end in pairwise([*places, len(words.words)]):
        for number in words.numbers:
            if at < number.at < end and number.unit in wording.DOSES:
                yield words.words[at], number.value


def _side_doubts(source: Source, written: Wording, evidence: Sequence[Said]) -> Iterable[Doubt]:
    known = {pair for said in evidence for pair in said.wording.sides}
    known |= {(each.attribute("laterality") or "", stem) for each in source.mentions for stem in _stems(each)}
    for side in {side for side, _ in written.sides}:
        if not any(pair in known for pair in written.sides if pair[0] == side):
            yield "side"


def _sense_doubts(text: str, named: Sequence[Named], evidence: Sequence[Said]) -> Iterable[Doubt]:
    """Whether what is named is said of the same person and in the same sense as in the text."""
    folded = fold(text)
    for each in named:
        if each.mentions[0].kind == "demographic":
            continue
        written = sense.of(folded, each.span)
        near = [m for m in each.mentions if any(_covers(said, m.start) for said in evidence)] or list(each.mentions)
        theirs = [m for m in near if (m.experiencer == "family") == written.family]
        if not theirs:
            yield "person"
        elif written.assertion not in {m.assertion for m in theirs}:
            yield "affirmed" if written.assertion == "present" else "denied"
        elif not written.past and not written.family and all(m.temporality == "past" for m in theirs):
            yield "past"


def _loose_doubts(text: str, written: Wording, named: Sequence[Named], evidence: Sequence[Said]) -> Iterable[Doubt]:
    """The same for meaning words that no mention covers: denied there must be denied here."""
    loose = written.stems.difference(*(each.stems for each in named))
    here = sense.denied_stems(fold(text))
    for stem in loose:
        there = {denied for said in evidence if stem in said.wording.stems for denied in _denied(said, stem)}
        if there and (stem in here) not in there:
            yield "denied" if stem in here else "affirmed"


def _denied(said: Said, stem: str) -> Iterable[bool]:
    """Whether a sentence of the text denies a word; a question is as its answer, and unanswered it says nothing."""
    if not said.folded.endswith("?"):
        yield stem in sense.denied_stems(said.folded)
    elif sense.says_no(said.answer):
        yield True
    elif not said.answer.endswith("?"):
        yield False


def _gender_doubts(source: Source, written: Wording) -> Iterable[Doubt]:
    male, female = wording.gender_words()
    for theirs, others in ((male, female), (female, male)):
        if theirs.intersection(written.words) and not theirs & source.words:
            yield "person" if others & source.words else "gender"


def _name_doubts(source: Source, written: Wording, text: str, own: frozenset[str]) -> Iterable[Doubt]:
    new = (word for word in written.words if wording.stem(word) in own)
    if any(wording.looks_clinical(word) for word in new) or strange_names(source, text):
        yield "name"
