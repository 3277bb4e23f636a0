"""The clinical categories, and which of them a code of ICD-10-CM or a term of the HPO belongs to."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("categories.toml")
HPO_TABLE = Path(__file__).with_name("hpo_categories.tsv")
"""Which categories each HPO term belongs to; compiled by worker/training/category_branches.py."""
OTHER = "other"
"""Where what belongs nowhere else goes; the table must name it."""


@dataclass(frozen=True, slots=True)
class Category:
    """One category as configured: its name, its ICD-10-CM codes and ranges, its HPO branches."""

    name: str
    icd10: tuple[str, ...]
    hpo: tuple[str, ...]


@cache
def read_categories(table: Path = TABLE) -> tuple[Category, ...]:
    """The categories in the order of their table."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["categories"]
    return tuple(Category(row["name"], tuple(row["icd10"]), tuple(row["hpo"])) for row in rows)


def category_names() -> tuple[str, ...]:
    """Their names, in the order of the table."""
    return tuple(each.name for each in read_categories())


@cache
def of_icd10(code: str) -> str:
    """The category of an ICD-10-CM code: the narrowest configured range that holds it."""
    bare = code.upper().replace(".", "")
    fits = [(_width(low, high), name) for low, high, name in _ranges() if _holds(low, high, bare)]
    return min(fits)[1] if fits else OTHER


def of_hpo(number: str) -> frozenset[str]:
    """The categories of an HPO term such as HP:0002315; none where the number is unknown."""
    return _of_terms().get(number.removeprefix("HP:"), frozenset())


@cache
def branches() -> dict[str, str]:
    """HPO branch -> category."""
    return {root: each.name for each in read_categories() for root in each.hpo}


@cache
def _of_terms() -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in HPO_TABLE.read_text(encoding="utf-8").splitlines():
        name, _, numbers = line.partition("\t")
        for number in numbers.split():
            found[number].add(name)
    return {number: frozenset(names) for number, names in found.items()}


@cache
def _ranges() -> tuple[tuple[str, str, str], ...]:
    spans = [(span.replace(".", "").partition("-"), each.name) for each in read_categories() for span in each.icd10]
    return tuple((low, high or low, name) for (low, _, high), name in spans)


def _holds(low: str, high: str, code: str) -> bool:
    return low <= code[: len(low)] and code[: len(high)] <= high


def _width(low: str, high: str) -> int:
    """How wide a range is, by its letters and digits read as one number; a longer code is a narrower range."""
    return (_number(high) - _number(low)) * 10 - len(low)


def _number(code: str) -> int:
    return int(code[:3], 36)
