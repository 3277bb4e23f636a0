"""Every compiled pattern of the language rules stays linear on text made to trap it, and a note is read fast."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass

import pytest

import worker.clinical
from tests.quality.facts import GOLD
from tests.quality.matching import load
from worker.clinical.facts import facts
from worker.clinical.measured import _names
from worker.clinical.reading import read
from worker.clinical.terminology import terminology

SIZES = (1_500, 3_000, 6_000)
WORST_RATIO = 9.0
"""Four times the text: a linear pattern takes 4 times as long, a quadratic one 16 times."""
WORTH_MEASURING_S = 0.002
SIGNS = ("a", " ", "1", "a ", "1 ", "1/", "1,111,", "- ", ", ", "and ", "\n", "no, ", "a-", "1-1 ", ".", "a.", "12 mg ")
NOTE_WORDS = 2_000
NOTE_S = 0.150
SCAN_CHARS = 10_000
SCAN_S = 0.020
"""Both as the product promises them on one core of a server, without the BERT tagger."""


def patterns() -> dict[str, re.Pattern[str]]:
    """All compiled patterns that a module of worker/clinical holds, alone or in tables and records."""
    found: dict[str, re.Pattern[str]] = {}
    for module in pkgutil.iter_modules(worker.clinical.__path__):
        if module.name == "compile_lexicon":  # runs on a developer's machine, on terminologies
            continue
        for name, value in vars(importlib.import_module(f"worker.clinical.{module.name}")).items():
            found |= {f"{module.name}.{name}{n or ''}": each for n, each in enumerate(_within(value))}
    found |= {f"measured.{sign.concept}": sign.unit for sign in _names()._table.values()}
    return {f"{name}": each for each, name in {each: name for name, each in found.items()}.items()}


def _within(value: object, depth: int = 3) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, Mapping):
        yield from (each for inner in value.values() for each in _within(inner, depth - 1))
    elif depth and is_dataclass(value) and not isinstance(value, type):
        yield from (each for one in fields(value) for each in _within(getattr(value, one.name), depth - 1))
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        yield from (each for inner in value for each in _within(inner, depth - 1))


def hard_texts(pattern: re.Pattern[str]) -> Iterator[str]:
    """Pieces that the pattern itself is made of: what it can begin with again and again without ever ending."""
    words = list(dict.fromkeys(re.findall(r"[a-z]{2,}", pattern.pattern)))
    yield from SIGNS
    yield from (f"{word} " for word in words[:3])
    yield " ".join(words[:6]) + " "
    yield " 1 ".join(words[-6:]) + " "


def seconds(pattern: re.Pattern[str], text: str) -> float:
    """The fastest of three readings of the whole text."""
    taken = []
    for _ in range(3):
        before = time.process_time()
        for _found in pattern.finditer(text):
            pass
        taken.append(time.process_time() - before)
    return min(taken)


def grows(pattern: re.Pattern[str], piece: str, sizes: Iterable[int] = SIZES) -> bool:
    """Whether four times the text takes far more than four times as long."""
    small, _, large = (seconds(pattern, piece * (size // len(piece) + 1)) for size in sizes)
    return large > WORTH_MEASURING_S and large > WORST_RATIO * small


PATTERNS = patterns()


def test_the_patterns_are_found() -> None:
    assert len(PATTERNS) > 80


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_linear(name: str) -> None:
    pattern = PATTERNS[name]
    suspects = [piece for piece in hard_texts(pattern) if grows(pattern, piece)]
    # A pause of the machine may look like growth once, but not twice.
    assert [piece for piece in suspects if grows(pattern, piece)] == []


def test_a_quadratic_pattern_is_caught() -> None:
    assert grows(re.compile(r"(?:a+)+?b|a*c"), "a", (300, 600, 1_200))


@pytest.fixture(scope="module")
def long_note() -> str:
    """Two thousand words of written notes."""
    text = "\n\n".join(each.text for each in load(GOLD["notes"]))
    words = list(re.finditer(r"\S+", text))
    return text[: words[NOTE_WORDS - 1].end()]


def test_a_note_of_two_thousand_words_is_read_in_the_promised_time(long_note: str) -> None:
    assert fastest(lambda: facts(long_note)) < NOTE_S


def test_ten_thousand_characters_are_scanned_for_names_in_the_promised_time(long_note: str) -> None:
    text = long_note[:SCAN_CHARS]
    assert fastest(lambda: list(terminology().find(read(text, "en")))) < SCAN_S


def fastest(act: object) -> float:
    """Of ten runs: what the code costs, not what else the machine had to do."""
    assert callable(act)
    taken = []
    for _ in range(10):
        before = time.process_time()
        act()
        taken.append(time.process_time() - before)
    return min(taken)
