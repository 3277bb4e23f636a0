"""Tables of vital signs and laboratory values: names in the first row, one measurement of each in every row below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.reading import Reading, read
from worker.clinical.vitals import vitals

SEPARATORS = ("|", "\t", "  ", ";", ",")
"""What may stand between cells, two spaces or more among them; the first that a line holds counts."""
FEWEST_NAMES = 2
LONGEST_ROW = 300
"""Characters; what is longer is prose."""
LONGEST_HEAD = 40
KNOWN_HEADS = 512
"""Headings of columns that are remembered; more are worked out again."""

_LINE = re.compile(r"[^\r\n]+")
_CELL = {each: re.compile(rf"[^{re.escape(each)}]+") for each in SEPARATORS} | {"  ": re.compile(r"\S+(?: \S+)*+")}
_RULE = re.compile(r"[\s|:+=-]+")
_UNIT = re.compile(r"([^(\[]+)[(\[]([^)\]]+)[)\]]")
_VALUE = re.compile(r"[<>~≤≥]?\s?\d")
_PROBES = ("120/80", "37", "98 %", "7.1")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with where it stands in the reading."""

    words: str
    start: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a column measures, and in which unit if its head says so."""

    name: str
    unit: str = ""


def tables(reading: Reading) -> Iterator[Finding]:
    """The measurements of every table: each finding covers its value, its name stands at the head of the column."""
    heads: list[Head | None] = []
    previous: list[Cell] = []
    for line in _LINE.finditer(reading.text):
        cells = _cells(line)
        if _RULE.fullmatch(line.group()):
            continue
        if not _has_values(cells):
            heads, previous = [], cells
            continue
        if previous and len(previous) == len(cells):
            heads = [_head(each.words) for each in previous]
        previous = []
        if len(heads) == len(cells) and len([each for each in heads if each]) >= FEWEST_NAMES:
            yield from _row(reading, heads, cells)
        else:
            heads = []


def _cells(line: re.Match[str]) -> list[Cell]:
    if len(line.group()) > LONGEST_ROW:
        return []
    sign = next((each for each in SEPARATORS if each in line.group().strip()), None)
    if sign is None:
        return []
    stripped = ((each.group(), line.start() + each.start()) for each in _CELL[sign].finditer(line.group()))
    return [Cell(words.strip(), start + len(words) - len(words.lstrip())) for words, start in stripped if words.strip()]


def _has_values(cells: Sequence[Cell]) -> bool:
    return len([each for each in cells if _VALUE.match(each.words)]) >= FEWEST_NAMES


def _row(reading: Reading, heads: Sequence[Head | None], cells: Sequence[Cell]) -> Iterator[Finding]:
    for head, cell in zip(heads, cells, strict=True):
        found = _measured(head, cell.words, reading.language) if head else None
        if head and found:
            yield _moved(found, cell.start - len(head.name) - 1, Stretch(cell.start, cell.start + len(cell.words)))


def _moved(finding: Finding, by: int, cell: Stretch) -> Finding:
    """The finding as it stands in the table: from the value on, without what stands at the head."""
    traits = tuple(_in_cell(each, by, cell) for each in finding.traits)
    start, end = max(cell.start, finding.start + by), min(cell.end, finding.end + by)
    return replace(finding, start=start, end=end, traits=traits)


def _in_cell(trait: Trait, by: int, cell: Stretch) -> Trait:
    """The trait with its words moved; without words where those stand at the head."""
    where = Stretch(trait.where.start + by, trait.where.end + by) if trait.where else None
    inside = where is not None and cell.start <= where.start and where.end <= cell.end
    return replace(trait, where=where if inside else None)


@lru_cache(KNOWN_HEADS)
def _head(words: str) -> Head | None:
    """The name to read a column's values with; None where it names nothing that is measured."""
    if not words or len(words) > LONGEST_HEAD or _VALUE.match(words):
        return None
    unit = _UNIT.fullmatch(words)
    head = Head(unit.group(1).strip(), unit.group(2)) if unit else Head(words)
    return head if any(_measured(head, probe, "en") for probe in _PROBES) else None


def _measured(head: Head, value: str, language: str) -> Finding | None:
    found = next(islice(vitals(read(f"{head.name} {value} {head.unit}".strip(), language)), 1), None)
    return found if found and found.start == 0 else None
