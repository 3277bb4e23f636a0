"""Which sentences of a text say what shall be done next: a clinician's own words, or a note's; English."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.case import Case, Span
from worker.clinical.reading import Reading, read
from worker.clinical.sections import parts
from worker.clinical.sentences import split
from worker.clinical.turns import Turn, tag_end, turns

TABLE = Path(__file__).with_name("plans.toml")
SECTIONS = frozenset({"plan", "assessment_and_plan", "disposition", "follow_up", "instructions"})
FEWEST_WORDS, MOST_WORDS = 3, 60
"""A sentence with fewer words names no act; what is longer was never parted and says too many things at once."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of plans.toml."""

    announces: re.Pattern[str]
    undecided: re.Pattern[str]
    aside: re.Pattern[str]
    begins: frozenset[str]
    treats: frozenset[str]


@cache
def vocabulary() -> Vocabulary:
    """The word lists, read once."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    announces, undecided, aside = (
        re.compile(rf"(?<![\w'])(?:{table[name].replace(chr(10), '')})(?!\w)")
        for name in ("announces", "undecided", "aside")
    )
    return Vocabulary(
        announces, undecided, aside, frozenset(table["begins"].split()), frozenset(table["treats"].split())
    )


def planned(case: Case) -> tuple[Span, ...]:
    """Where the text says what shall be done next, sentence by sentence in reading order.

    In a conversation only what the clinician says counts; a question, what is left open and what belongs to the visit
    itself (let me listen to your heart) do not.
    """
    reading = read(case.text or "", case.language or "en")
    said = turns(reading, case.segments)
    edges = [*(edge for turn in said for edge in (turn.start, turn.end))]
    if not said:
        edges = [edge for part in parts(reading) for edge in (part.start, part.body)]
    found = split(reading, edges, joined=bool(case.segments))
    return tuple(_spans(reading, said, [(each.start, each.end) for each in found]))


def announces(words: str) -> bool:
    """Whether a folded sentence announces a next act."""
    known = vocabulary()
    asks = words.rstrip().endswith("?") and not re.search(r"(?:okay|ok|alright|all right|sound good)\s?\?$", words)
    fits = FEWEST_WORDS <= len(words.split()) <= MOST_WORDS
    return bool(
        fits
        and not asks
        and known.announces.search(words)
        and not known.undecided.search(words)
        and not known.aside.search(words)
    )


def _spans(reading: Reading, said: Sequence[Turn], found: Sequence[tuple[int, int]]) -> Iterator[Span]:
    talking = any(turn.speaker == "clinician" for turn in said)
    clinicians = [(turn.start, turn.end) for turn in said if turn.speaker == "clinician"]
    for start, end in found:
        begin = tag_end(reading, start, end)
        words = reading.text[begin:end]
        theirs = not talking or any(a <= begin < b for a, b in clinicians)
        if theirs and announces(words):
            yield reading.span(begin + len(words) - len(words.lstrip()), end)
