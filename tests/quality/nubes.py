"""The annotated scopes of the NUBes sample, and in which sense clinq reads the words of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.case import MentionKind
from worker.clinical.facts import facts
from worker.clinical.judge import sense_of

ENTITIES = frozenset({"DISO", "SUBS", "PROC"})
"""Labels of scopes that name a thing: a disorder or finding, a substance, a procedure."""
ILLNESS = frozenset({"symptom", "condition"})
_DRUGS: frozenset[str] = frozenset({"SUBS"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Words that a marker denies or doubts; the offsets select them in their line."""

    line: str
    start: int
    end: int
    label: str
    marker: str
    denied: bool
    """Denied by a Neg marker; else only doubted by an Uncert marker."""

    @property
    def right(self) -> bool:
        """Whether clinq tells denied from not denied; a drug that is said to be stopped counts as denied."""
        kind: MentionKind = "medication" if self.label in _DRUGS else "condition"
        said = sense_of(self.line, self.start, self.end, "es", kind)
        stopped = self.label in _DRUGS and said.temporality == "past"
        return (said.assertion == "absent" or stopped) == self.denied


@dataclass(frozen=True, slots=True)
class Affirmed:
    """A symptom or condition that clinq itself finds where the corpus marks nothing."""

    line: str
    text: str
    absent: bool
    """Whether clinq takes it for absent, which is wrong here."""


@dataclass(frozen=True, slots=True)
class _Span:
    label: str
    start: int
    end: int
    text: str


def read(folder: Path) -> Iterator[tuple[list[Scope], list[Affirmed]]]:
    """What each text of the folder (BRAT: .txt and .ann) has; one line of a text is one sentence."""
    for path in sorted(folder.glob("*.ann")):
        text = path.with_suffix(".txt").read_text(encoding="utf-8")
        spans, links = _annotations(path)
        scopes = list(_scopes(text, spans, links))
        yield scopes, list(_affirmed(text, spans, links))


def _annotations(path: Path) -> tuple[dict[str, _Span], list[tuple[str, str, str]]]:
    spans, links = {}, []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, what, *words = line.split("\t")
        if name.startswith("T"):
            label, start, *_, end = what.replace(";", " ").split()
            spans[name] = _Span(label, int(start), int(end), words[0])
        elif name.startswith("R"):
            relation, marker, scope = what.split()[:3]
            links.append((relation, marker.partition(":")[2], scope.partition(":")[2]))
    return spans, links


def _scopes(text: str, spans: dict[str, _Span], links: Sequence[tuple[str, str, str]]) -> Iterator[Scope]:
    """Scopes that a relation `Scope` ties to a marker; those with both a Neg and an Uncert marker are left out."""
    tied: dict[str, set[bool]] = {}
    marked: dict[str, str] = {}
    for relation, marker, scope in links:
        if relation == "Scope":
            tied.setdefault(scope, set()).add(spans[marker].label.startswith("Neg"))
            marked[scope] = spans[marker].text
    for scope, kinds in tied.items():
        if len(kinds) == 1:
            span = spans[scope]
            first, last = _line_around(text, span.start)
            yield Scope(
                text[first:last], span.start - first, span.end - first, span.label, marked[scope], kinds == {True}
            )


def _affirmed(text: str, spans: dict[str, _Span], links: Sequence[tuple[str, str, str]]) -> Iterator[Affirmed]:
    scopes = {scope for relation, _, scope in links if relation != "DiscMarker"}
    taken = [each for name, each in spans.items() if name in scopes or "Marker" in each.label]
    first = 0
    for line in text.split("\n"):
        for each in facts(line, "es").mentions if line else ():
            inside = any(span.start < first + each.end and first + each.start < span.end for span in taken)
            if each.kind in ILLNESS and not inside:
                yield Affirmed(line, each.text, each.assertion == "absent")
        first += len(line) + 1


def _line_around(text: str, place: int) -> tuple[int, int]:
    last = text.find("\n", place)
    return text.rfind("\n", 0, place) + 1, last if last >= 0 else len(text)
