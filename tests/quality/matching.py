"""Facts annotated by hand against the mentions that clinq finds: which of them are the same.

A gold file has one JSON object a line: `{"id", "source", "split", "text", "facts"}`. The split is dev or held, or names
a group of fresh texts. Who speaks stands in the text. Each fact is one distinct fact of the text, `{"kind", "quote"}`
and, where it differs from the usual, `occurrence`, `also`, `assertion`, `experiencer`, `relation`, `temporality`,
`attrs`, `optional`:

- `quote`: words of the text (case does not matter). Every place where they stand as whole words is a mention of the
  fact, the first is its main one; `occurrence` n (from 1) selects one place alone.
- `also`: further mentions: other words (all places), or `[words, occurrence]`.
- `assertion`, `experiencer`, `temporality` as in shared/case.py; present, patient and current unless given. `any` where
  the text leaves it open: not compared.
- `attrs`: dose, unit, value, systolic, diastolic as clinq writes them: numbers as in the text, units as in Attribute.
  An empty dose: the text gives none. `any`: not compared.
- `optional`: what one annotator would mark and another would not; neither missed nor too many, whatever is found.

A mention belongs to the fact of its kind group with which it shares most characters, the first of the list among
equals. A fact is right once, however often it is mentioned; a concept that belongs to no fact is one too many,
however often.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.case import Mention

GROUPS = {
    "symptom": "problem",
    "condition": "problem",
    "medication": "medication",
    "vital": "vital",
    "allergy": "allergy",
    "procedure": "procedure",
    "social": "social",
}
"""Kind -> group; kinds outside (demographic) are not compared."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact that an annotator read in a text."""

    kind: str
    spans: tuple[tuple[int, int], ...]
    """All its mentions, the main one first."""
    quote: str
    assertion: str = "present"
    experiencer: str = "patient"
    relation: str | None = None
    temporality: str = "current"
    attrs: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """An annotated text."""

    id: str
    split: str
    text: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A fact and the mention that stands for it: the one on its main place, or else the first."""

    fact: Fact
    mention: Mention


@dataclass(frozen=True, slots=True)
class Match:
    """What became of the facts of one text; optional facts count nowhere."""

    pairs: tuple[Pair, ...]
    missed: tuple[Fact, ...]
    extra: tuple[Mention, ...]
    """One mention for each concept too many."""


def load(path: Path) -> list[Text]:
    """The annotated texts of a gold file. Raises ValueError where a quote does not stand in its text."""
    return [_text(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def match(text: Text, mentions: Sequence[Mention]) -> Match:
    """Join the facts of a text with the mentions found in it."""
    found: dict[int, list[Mention]] = {}
    extra: dict[tuple[str, str], Mention] = {}
    for mention in mentions:
        if mention.kind not in GROUPS:
            continue
        number = _owner(text.facts, mention)
        if number is None:
            extra.setdefault((GROUPS[mention.kind], (mention.concept or mention.text).lower()), mention)
        else:
            found.setdefault(number, []).append(mention)
    counted = [(n, fact) for n, fact in enumerate(text.facts) if not fact.optional]
    pairs = tuple(Pair(fact, _main(fact, found[n])) for n, fact in counted if n in found)
    return Match(pairs, tuple(fact for n, fact in counted if n not in found), tuple(extra.values()))


def _owner(facts: Sequence[Fact], mention: Mention) -> int | None:
    """The number of the fact that the mention shares most characters with."""
    shared = [
        (_shared(fact, mention), not fact.optional, -n)
        for n, fact in enumerate(facts)
        if GROUPS[fact.kind] == GROUPS[mention.kind]
    ]
    best = max(shared, default=(0, False, 0))
    return -best[2] if best[0] else None


def _shared(fact: Fact, mention: Mention) -> int:
    return max(0, *(min(end, mention.end) - max(start, mention.start) for start, end in fact.spans))


def _main(fact: Fact, mentions: Sequence[Mention]) -> Mention:
    start, end = fact.spans[0]
    return next((each for each in mentions if each.start < end and start < each.end), mentions[0])


def _text(row: Mapping[str, Any]) -> Text:
    facts = tuple(_fact(row["text"], each) for each in row["facts"])
    return Text(row["id"], row["split"], row["text"], facts)


def _fact(text: str, row: Mapping[str, Any]) -> Fact:
    given = {
        name: row[name] for name in ("assertion", "experiencer", "relation", "temporality", "attrs") if name in row
    }
    also = [each if isinstance(each, list) else [each, None] for each in row.get("also", [])]
    spans = [
        span for words, nth in [[row["quote"], row.get("occurrence")], *also] for span in _places(text, words, nth)
    ]
    return Fact(row["kind"], tuple(spans), row["quote"], optional=row.get("optional", False), **given)


def _places(text: str, words: str, nth: int | None) -> Iterator[tuple[int, int]]:
    pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)
    places = [found.span() for found in pattern.finditer(text)]
    if len(places) < (nth or 1):
        raise ValueError(f"not in the text so often: {words}")
    yield from places if nth is None else [places[nth - 1]]
