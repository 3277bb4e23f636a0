"""Which sentences of a text say what shall be done next: a clinician's own words, or a note's; English."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.case import Case, Span
from worker.clinical import wording
from worker.clinical.folded import fold
from worker.clinical.reading import Reading, read
from worker.clinical.sections import parts
from worker.clinical.sentences import split
from worker.clinical.turns import Turn, tag_end, turns

TABLE = Path(__file__).with_name("plans.toml")
SECTIONS = frozenset({"plan", "disposition", "follow_up", "instructions"})
MOST_ACTS = 3
"""Acts of one sentence: who names more in one breath lists them."""
FEWEST_WORDS, MOST_WORDS = 3, 60
"""A sentence with fewer words names no act; what is longer was never parted and says too many things at once."""

_CHECKS = re.compile(r"(?:okay|ok|alright|all right|sound good)\s?\?$")
"""Asked only to hear whether the listener follows."""
_FIRST = re.compile(r"[a-z]+(?=\s)")
_NOUNS = frozenset(
    {"test", "report", "record", "visit", "contact", "rest", "use", "limit", "increase", "review", "remain"}
)
"""Ways to begin that as often name a thing: in a note they need more to announce an act."""
_WEAK = frozenset(
    {"go", "have", "do", "make", "remain", "set", "test", "record", "report", "visit", "rest", "use", "perform"}
)
"""Ways to begin that in the middle of a sentence do not name its act."""
_EMPTY = frozenset({"ahead", "gonna", "okay", "assessment", "plan"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of plans.toml."""

    announces: re.Pattern[str]
    undecided: re.Pattern[str]
    aside: re.Pattern[str]
    begins: frozenset[str]
    treats: frozenset[str]
    acts: tuple[frozenset[str], ...]
    """Words that begin the same act in different ways."""
    frame: frozenset[str]


@cache
def vocabulary() -> Vocabulary:
    """The word lists, read once."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    announces, undecided, aside = (
        re.compile(rf"(?<![\w'])(?:{table[name].replace(chr(10), '')})(?!\w)")
        for name in ("announces", "undecided", "aside")
    )
    acts = tuple(frozenset(words.split()) for words in table["acts"].values())
    begins, treats, frame = (
        frozenset(words.split()) for words in (table["begins"], table["treats"], table["frame"]["words"])
    )
    return Vocabulary(announces, undecided, aside, begins, treats, acts, frame)


def planned(case: Case) -> tuple[Span, ...]:
    """Where the text says what shall be done next, sentence by sentence in reading order.

    In a conversation only what the clinician says counts; in a note also each sentence under a heading of plan, and one
    that begins with its act. A question, what is left open and what belongs to the visit itself (let me listen to your
    heart) do not count.
    """
    reading = read(case.text or "", case.language or "en")
    said = turns(reading, case.segments)
    edges = [*(edge for turn in said for edge in (turn.start, turn.end))]
    if not said:
        edges = [edge for part in parts(reading) for edge in (part.start, part.body)]
    found = split(reading, edges, joined=bool(case.segments))
    return tuple(_spans(case, reading, said, [(each.start, each.end) for each in found]))


def announces(words: str, *, told: bool = False) -> bool:
    """Whether a folded sentence announces a next act; `told`: where it stands, a bare act is enough."""
    known = vocabulary()
    asks = words.rstrip().endswith("?") and not _CHECKS.search(words)
    said = wording.read(words)
    fits = FEWEST_WORDS <= len(words.split()) <= MOST_WORDS and bool(said.numbers or said.stems - _EMPTY)
    return bool(
        fits
        and not asks
        and (told or known.announces.search(words))
        and not known.undecided.search(words)
        and not known.aside.search(words)
    )


def acts(sentence: str) -> tuple[str, ...]:
    """The acts that a sentence names, in its order, each as a line of plan begins with it: Order, Recheck, Follow."""
    words = re.findall(r"[a-z]+", fold(sentence))
    known = vocabulary().begins - _WEAK
    named = [
        word for at, word in enumerate(words) if word in known or (word == "go" and words[at + 1 : at + 2] == ["to"])
    ]
    return tuple(word.capitalize() for word in dict.fromkeys(named))[:MOST_ACTS]


def begins(words: str) -> bool:
    """Whether a folded sentence of a note begins with its act: recheck the leg in two days."""
    first = _FIRST.match(words)
    return first is not None and first.group() in vocabulary().begins - _NOUNS


def _spans(case: Case, reading: Reading, said: Sequence[Turn], found: Sequence[tuple[int, int]]) -> Iterator[Span]:
    talking = any(turn.speaker == "clinician" for turn in said)
    clinicians = [(turn.start, turn.end) for turn in said if turn.speaker == "clinician"]
    headed = [each for each in case.sections if each.name in SECTIONS]
    for start, end in found:
        begin = tag_end(reading, start, end)
        words = reading.text[begin:end]
        if not words.strip() or (talking and not any(a <= begin < b for a, b in clinicians)):
            continue
        span = reading.span(begin + len(words) - len(words.lstrip()), end)
        under = any(each.start <= span.start < each.end for each in headed)
        if announces(words, told=not said and (under or begins(words.strip()))):
            yield span
