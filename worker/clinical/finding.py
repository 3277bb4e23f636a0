"""A mention while the rules still work on it: offsets are those of the reading, and all fields may yet change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from shared.case import Assertion, Attribute, Code, Experiencer, Mention, MentionKind, Section, Span, Temporality
from worker.clinical.reading import Reading
from worker.clinical.terminology import Name


class Stretch(NamedTuple):
    """A part of the reading, end exclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Trait:
    """An attribute to be: its value, and the words that say it (None where it follows from other words)."""

    name: str
    value: str
    where: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found; `settled` where the rule that found it already knows the context."""

    kind: MentionKind
    start: int
    end: int
    concept: str
    codes: tuple[Code, ...] = ()
    confidence: float = 0.95
    traits: tuple[Trait, ...] = ()
    assertion: Assertion = "present"
    experiencer: Experiencer = "patient"
    relation: str | None = None
    temporality: Temporality = "current"
    cues: tuple[Stretch, ...] = ()
    settled: bool = False

    @classmethod
    def of(cls, name: Name) -> Finding:
        """A finding for a name of the terminology."""
        concept = name.concept
        return cls(concept.kind, name.start, name.end, concept.name, concept.codes, concept.confidence)

    def with_traits(self, *traits: Trait) -> Finding:
        """The same with these attributes too; the first of a name stays."""
        known = {each.name for each in self.traits}
        return replace(self, traits=(*self.traits, *(each for each in traits if each.name not in known)))

    def trait(self, name: str) -> str | None:
        """The value of the attribute of that name."""
        return next((each.value for each in self.traits if each.name == name), None)


def mention(finding: Finding, number: int, reading: Reading, sections: Sequence[Section]) -> Mention:
    """The finding as the case keeps it: offsets of the source, the source's own words."""
    span = reading.span(finding.start, finding.end)
    section = next((each.name for each in reversed(sections) if each.start <= span.start < each.end), None)
    return Mention(
        id=f"m{number}",
        kind=finding.kind,
        start=span.start,
        end=span.end,
        text=reading.source[span.start : span.end],
        assertion=finding.assertion,
        experiencer=finding.experiencer,
        relation=finding.relation,
        temporality=finding.temporality,
        attributes=tuple(_attribute(each, reading) for each in finding.traits),
        codes=finding.codes,
        concept=finding.concept,
        confidence=finding.confidence,
        cues=tuple(sorted({_span(each, reading) for each in finding.cues}, key=lambda each: each.start)),
        section=section,
    )


def _attribute(trait: Trait, reading: Reading) -> Attribute:
    return Attribute(trait.name, trait.value, _span(trait.where, reading) if trait.where else None)


def _span(where: Stretch, reading: Reading) -> Span:
    return reading.span(where.start, where.end)
