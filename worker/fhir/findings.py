"""Mentions of the same thing in the same sense, brought together: one finding becomes one resource."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from shared.case import Attribute, Code, Mention, Span
from worker.fhir.elements import clean
from worker.fhir.evidence import spans

MANY = frozenset({"reaction"})
"""Attributes of which one thing may have several; of all others, two values make two findings."""


@dataclass(frozen=True)
class Finding:
    """One thing that the text says of one person in one sense, however often it says it."""

    mentions: tuple[Mention, ...]
    number: int = 0
    """Counts findings that differ in their attributes only: two doses of one drug."""

    @property
    def first(self) -> Mention:
        """The first mention; its sense is that of all."""
        return self.mentions[0]

    @property
    def words(self) -> str:
        """The words of the note."""
        return clean(self.first.text)

    @property
    def sided(self) -> str:
        """The same, with the side where they do not say it themselves."""
        side = self.attribute("laterality")
        return f"{self.words}, {side}" if side and side.casefold() not in self.words.casefold() else self.words

    @property
    def name(self) -> str:
        """What is meant, in plain English where the terminology knows it."""
        return self.first.concept or self.words

    @property
    def key(self) -> str:
        """What tells this finding from the others of its kind, the same for the same note."""
        parts = [_thing(self.first), *_sense(self.first)]
        return "\x1f".join([*parts, str(self.number)] if self.number else parts)

    @cached_property
    def attributes(self) -> tuple[Attribute, ...]:
        """What all mentions together say about it, in the order of the text, each value once."""
        said: dict[tuple[str, str], Attribute] = {}
        for held in (held for each in self.mentions for held in each.attributes):
            said.setdefault((held.name, held.value.casefold()), held)
        return tuple(said.values())

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes of all mentions."""
        return tuple(dict.fromkeys(code for each in self.mentions for code in each.codes))

    @property
    def spans(self) -> list[Span]:
        """The evidence."""
        return spans(self.mentions)

    def attribute(self, name: str) -> str | None:
        """The value of the attribute of that name, in clean words."""
        return next((clean(each.value) for each in self.attributes if each.name == name), None)


def findings(mentions: Iterable[Mention]) -> list[Finding]:
    """The mentions as findings, in the order of the text; what is only hypothetical is nothing that was found."""
    alike: dict[tuple[str, ...], list[list[Mention]]] = {}
    for each in sorted(mentions, key=lambda each: (each.start, each.end, each.id)):
        if each.assertion != "hypothetical" and clean(each.text):
            _join(alike.setdefault((each.kind, _thing(each), *_sense(each)), []), each)
    found = [Finding(tuple(group), number) for groups in alike.values() for number, group in enumerate(groups)]
    return sorted(found, key=lambda each: (each.first.start, each.first.end, each.key))


def _join(groups: list[list[Mention]], mention: Mention) -> None:
    for group in groups:
        if not any(_differ(mention, each) for each in group):
            group.append(mention)
            return
    groups.append([mention])


def _differ(one: Mention, other: Mention) -> bool:
    """Whether both name an attribute and give it another value."""
    theirs = {each.name: each.value.casefold() for each in other.attributes if each.name not in MANY}
    return any(theirs.get(each.name, each.value.casefold()) != each.value.casefold() for each in one.attributes)


def _thing(mention: Mention) -> str:
    return " ".join((mention.concept or clean(mention.text)).casefold().split())


def _sense(mention: Mention) -> tuple[str, ...]:
    return mention.assertion, mention.experiencer, (mention.relation or "").casefold(), mention.temporality
