"""Whether each sign of danger is found, and none where it is denied, of kin, feared or past: the own set of cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.case import Case
from tests.quality.guard import case_of
from tests.quality.report import Gate, Part, Table
from worker.clinical.redflags import red_flags

OWN = Path(__file__).with_name("redflags.jsonl")
TWINS = ("negated", "family", "hypothetical", "past")
TEXT = """Own cases in English and Spanish, notes and dialogues, at least one for most rules of redflags.toml. A
positive is found when its rule fires. Its twins say the same things but deny them, say them of kin, fear them or put
them into the past: any rule that fires there is an alarm. The rules were written with this set in view; the last forty
positives, each with one twin, were written before the rules had seen them (twelve in Spanish; notes and dialogues).
At first sight (commit 7e5a8e7) the rules found 30 of these 40 and raised 2 alarms on their twins."""


@dataclass(frozen=True, slots=True)
class Danger:
    """One text that a rule must find, or, with a twin's name, one in which no rule may find anything."""

    rule: str
    language: str
    text: str
    twin: str | None = None

    @property
    def found(self) -> set[str]:
        """The rules that fire."""
        return {flag.rule for flag in red_flags(self._case)}

    @property
    def right(self) -> bool:
        """Whether the rules say what they should."""
        return self.rule in self.found if self.twin is None else not self.found

    @property
    def _case(self) -> Case:
        return case_of(self.text, self.language)


def measure(data: Path) -> Part:
    """Recall on the positives, alarms on the twins."""
    every = [(each, each.right) for each in dangers()]
    positives = [right for each, right in every if each.twin is None]
    alarms = [not right for each, right in every if each.twin is not None]
    rows = [_row(language, twin, every) for language in ("en", "es") for twin in (None, *TWINS)]
    gates = [
        Gate("red flags found", sum(positives) / len(positives), 1.0, of=len(positives)),
        Gate("alarms on twins of red flags", sum(alarms), 0, at_most=True, of=len(alarms)),
    ]
    return Part("Red flags", TEXT, gates, [Table(("language", "kind", "right", "of"), rows)])


def dangers() -> Iterator[Danger]:
    """All positives, each followed by its twins."""
    for line in OWN.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Danger(row["rule"], row["language"], row["text"])
        yield from (Danger(row["rule"], row["language"], row[twin], twin) for twin in TWINS if twin in row)


def _row(language: str, twin: str | None, every: list[tuple[Danger, bool]]) -> tuple[str, ...]:
    these = [right for each, right in every if each.language == language and each.twin == twin]
    return language, twin or "positive", str(sum(these)), str(len(these))
