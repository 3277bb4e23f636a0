"""Sentences with one target each: in which sense they say it, and in which sense clinq reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from shared.case import Assertion, Experiencer, MentionKind, Temporality
from worker.clinical.facts import facts
from worker.clinical.judge import Judgement, sense_of

OPEN = "-"
"""Stands where a sentence leaves the matter open: it is not judged."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line of the set; `start` to `end` select the target in the text."""

    split: str
    trap: str
    found: bool
    """Whether the pipeline must find the target itself."""
    kind: str
    expected: Judgement
    text: str
    start: int
    end: int
    why: str

    @property
    def target(self) -> str:
        """The words whose sense is asked for."""
        return self.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Answer:
    """A sentence with what clinq says of it; None where it had to find the target and did not."""

    sentence: Sentence
    said: Judgement | None

    @property
    def polarity(self) -> bool | None:
        """Whether absent and not absent are told apart."""
        gold = self.sentence.expected.assertion
        if gold == OPEN:
            return None
        return self.said is not None and (self.said.assertion == "absent") == (gold == "absent")

    @property
    def assertion(self) -> bool | None:
        """Whether the assertion is right, one of four."""
        gold = self.sentence.expected.assertion
        return None if gold == OPEN else self.said is not None and self.said.assertion == gold

    @property
    def person(self) -> bool:
        """Whether it is told of the right person; for family the relation counts too."""
        mine, gold = self.said, self.sentence.expected
        if mine is None or mine.experiencer != gold.experiencer:
            return False
        return gold.experiencer != "family" or mine.relation == gold.relation

    @property
    def time(self) -> bool | None:
        """Whether current, past and planned are told apart."""
        gold = self.sentence.expected.temporality
        return None if gold == OPEN else self.said is not None and self.said.temporality == gold

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return False not in (self.assertion, self.person, self.time)


def read_line(line: str) -> Sentence:
    """A line of the set: tab-separated, the target in braces, line breaks of the text as \\n."""
    split, trap, how, kind, assertion, who, time, marked, why = line.split("\t")
    marked = marked.replace("\\n", "\n")
    start, end = marked.index("{"), marked.index("}") - 1
    text = marked.replace("{", "").replace("}", "")
    experiencer, _, relation = who.partition(":")
    expected = Judgement(
        cast("Assertion", assertion), cast("Experiencer", experiencer), relation or None, cast("Temporality", time)
    )
    return Sentence(split, trap, how == "found", kind, expected, text, start, end, why)


def answer(sentence: Sentence, language: str) -> Answer:
    """What clinq says: of the mention that it finds, or of the place that it is given."""
    if not sentence.found:
        kind = cast("MentionKind", sentence.kind)
        return Answer(sentence, sense_of(sentence.text, sentence.start, sentence.end, language, kind))
    for each in facts(sentence.text, language).mentions:
        if each.start < sentence.end and sentence.start < each.end and _kin(each.kind, sentence.kind):
            return Answer(sentence, Judgement(each.assertion, each.experiencer, each.relation, each.temporality))
    return Answer(sentence, None)


def share(right: Iterable[bool | None]) -> float:
    """The share that is right of what is judged; 1 of none."""
    found = [each for each in right if each is not None]
    return sum(found) / len(found) if found else 1.0


def row(name: str, answers: Sequence[Answer]) -> tuple[str, ...]:
    """A line of a table: how many, then the shares that are right."""
    shares = (
        share(each.polarity for each in answers),
        share(each.assertion for each in answers),
        share(each.person for each in answers),
        share(each.time for each in answers),
    )
    return (name, str(len(answers)), *(f"{each:.3f}" for each in shares))


ROW_HEADINGS = ("sentences", "cases", "absent or not", "assertion", "person", "time")


def _kin(one: str, other: str) -> bool:
    """Whether two kinds may stand for each other: whether a thing is a symptom or a condition is often open."""
    illness = {"symptom", "condition"}
    return one == other or (one in illness and other in illness)
