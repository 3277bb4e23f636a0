"""The table that a benchmark run writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure with its goal."""

    what: str
    figure: float
    goal: str
    """Empty where a figure is only shown."""
    met: bool
    note: str = ""
    unit: str = ""


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    head = ["| what | measured | goal | met | how |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(_line(row) for row in rows)])


def _line(row: Row) -> str:
    return f"| {row.what} | {row.figure:.3g}{row.unit} | {row.goal} | {_met(row)} | {row.note} |"


def _met(row: Row) -> str:
    if not row.goal:
        return ""
    return "yes" if row.met else "no"
