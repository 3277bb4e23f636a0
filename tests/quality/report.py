"""What one part of the quality run found: gates with their goals, tables, and the words around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure that a release must reach."""

    name: str
    figure: float
    goal: float
    at_most: bool = False
    """Whether the goal is an upper bound, e.g. for false alarms."""
    of: int | None = None
    """How many cases the figure was computed on."""

    @property
    def met(self) -> bool:
        """Whether the figure reaches its goal."""
        return self.figure <= self.goal if self.at_most else self.figure >= self.goal


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; cells are words, numbers already written out."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One section of docs/quality.md."""

    title: str
    text: str
    """What was measured on what, and how to read it: Markdown paragraphs."""
    gates: Sequence[Gate] = ()
    tables: Sequence[Table] = field(default=())


@dataclass(frozen=True, slots=True)
class Score:
    """True positives, false positives, false negatives."""

    hits: int = 0
    extra: int = 0
    missed: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.hits + other.hits, self.extra + other.extra, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Share of what was found that is right; 1 where nothing was found."""
        return self.hits / (self.hits + self.extra) if self.hits + self.extra else 1.0

    @property
    def recall(self) -> float:
        """Share of what is right that was found; 1 where there was nothing to find."""
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall (van Rijsbergen 1979)."""
        return 2 * self.hits / (2 * self.hits + self.extra + self.missed) if self.hits else 0.0

    def row(self, name: str) -> tuple[str, ...]:
        """Its line in a table: name, right, too many, missed, precision, recall, F1."""
        counts = (str(self.hits), str(self.extra), str(self.missed))
        return (name, *counts, f"{self.precision:.3f}", f"{self.recall:.3f}", f"{self.f1:.3f}")


SCORE_HEADINGS = ("what", "right", "too many", "missed", "precision", "recall", "F1")


def table(made: Table) -> str:
    """The table in Markdown."""
    lines = [_line(made.headings), "|" + "---|" * len(made.headings), *map(_line, made.rows)]
    return "\n".join([f"**{made.title}**\n", *lines] if made.title else lines)


def gates(found: Iterable[Gate]) -> Table:
    """All gates with their goals."""
    rows = [
        (
            each.name,
            f"{each.figure:.3f}",
            f"{'<=' if each.at_most else '>='} {each.goal:g}",
            "" if each.of is None else f"{each.of:,}",
            "yes" if each.met else "**no**",
        )
        for each in found
    ]
    return Table(("figure", "measured", "goal", "cases", "met"), rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
