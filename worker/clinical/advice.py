"""Whether a line of advice that a model wrote may leave: it asks or watches, about what the text names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from shared.case import Mention, Span, Support
from worker.clinical import clauses, phrasing, sense, wording
from worker.clinical.folded import fold
from worker.clinical.grounds import Named, Source, find_named, strange_names

TABLE = Path(__file__).with_name("advice.toml")
FEWEST_WORDS, MOST_WORDS = 3, 30

Doubt = Literal["form", "treats", "nothing", "name", "number", "side", "person", "denied", "wording"]

NEVER: frozenset[Doubt] = frozenset({"form", "treats", "name", "number"})
"""Doubts that no policy lets pass."""

_FIRST = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of advice.toml."""

    begins: frozenset[str]
    treats: frozenset[str]
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found; the evidence is where the text names what the line is about."""

    support: Support
    evidence: tuple[Span, ...]
    doubts: frozenset[Doubt]


def check(source: Source, text: str) -> Verdict:
    """Judge one line. It must begin as an act of asking or watching, or be a question; it must name something that
    the text says of that person; it may treat nothing, and bring no number, side or name of its own.
    """
    named = tuple(each for each in find_named(source, text) if each.mentions[0].kind != "demographic")
    doubts = frozenset(_doubts(source, text, named))
    if doubts:
        return Verdict("unsupported", (), doubts)
    evidence = {span for each in named for mention in each.mentions for span in clauses.spans(mention)}
    return Verdict("supported", tuple(sorted(evidence, key=lambda span: (span.start, span.end))), doubts)


@cache
def vocabulary() -> Vocabulary:
    """The word lists, read once."""
    table = {name: frozenset(words.split()) for name, words in tomllib.loads(TABLE.read_text(encoding="utf-8")).items()}
    stems = frozenset(wording.stem(word) for word in table["words"] | table["begins"])
    return Vocabulary(table["begins"], table["treats"], stems)


def _doubts(source: Source, text: str, named: tuple[Named, ...]) -> Iterable[Doubt]:
    folded, allowed, written = fold(text), vocabulary(), wording.read(text)
    first = _FIRST.search(folded)
    words = folded.split()
    asks = folded.rstrip().endswith("?") or (first is not None and first.group() in allowed.begins)
    if not asks or not FEWEST_WORDS <= len(words) <= MOST_WORDS:
        yield "form"
    if allowed.treats.intersection(written.words):
        yield "treats"
    if not named:
        yield "nothing"
    yield from _foreign(source, written, text, named)
    yield from _misread(folded, named)


def _foreign(source: Source, written: wording.Wording, text: str, named: tuple[Named, ...]) -> Iterable[Doubt]:
    """What the line brings that the text does not have."""
    about = [mention for each in named for mention in each.mentions]
    said = wording.read("; ".join(words for mention in about for words in _told(mention)))
    own = written.stems.difference(vocabulary().stems, said.stems)
    new = [word for word in written.words if wording.stem(word) in own and word not in source.words]
    if any(wording.looks_clinical(word) for word in new) or strange_names(source, text):
        yield "name"
    if own:
        yield "wording"
    numbers = {part for number in said.numbers for part in (number.value, *number.value.split("/"))}
    if any(number.value not in numbers for number in written.numbers):
        yield "number"
    sides = {mention.attribute("laterality") for mention in about}
    if any(side not in sides for side, _ in written.sides - said.sides):
        yield "side"


def _told(mention: Mention) -> Iterable[str]:
    """All that the text says of a thing: its name, its details, whose it is."""
    relation = mention.relation or ""
    values = (attribute.value for attribute in mention.attributes)
    return (mention.text, mention.concept or "", relation, phrasing.SPANISH.relatives.get(relation, ""), *values)


def _misread(folded: str, named: tuple[Named, ...]) -> Iterable[Doubt]:
    """What the line says of the wrong person, or though the text denies it."""
    for each in named:
        family = sense.of(folded, each.span).family
        theirs = [m for m in each.mentions if (m.experiencer == "family") == family]
        if not theirs:
            yield "person"
        elif all(mention.assertion == "absent" for mention in theirs):
            yield "denied"
