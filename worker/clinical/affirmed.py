"""Whether a phrase in a text is said to be true of the patient now: a small ConText for what terminology misses."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from shared.case import Span

CUES = Path(__file__).with_name("affirmed.toml")
NEAR_WORDS = 9
"""How many words "no", "not" and "without" reach; "denies" reaches to the end of its sentence."""
ITEM_WORDS = 5
"""They reach on through a list whose items are no longer than this."""
BEFORE_CHARS = 600
"""How far before a phrase its cue may stand: a sentence of dictation may have no end, and each word reads so much."""
AFTER_CHARS = 40
"""How far behind a phrase its "is denied" or "years ago" may stand."""

_OPEN = "".join(
    rf"(?<!\b{word}\.)" for word in ("Dr", "Dra", "Mr", "Mrs", "Ms", "Sr", "Sra", "St", r"y\.o", "vs", "mg")
)
"""Abbreviations whose point ends no sentence."""
_BREAK = re.compile(rf"(?<=[.!?;]){_OPEN}\s+" r"|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)]|[A-ZÁÉÍÓÚÑ¿¡\[]))")
_LIST = re.compile(r",|/| or | and | nor | ni | y | o ")
_SPEAKER = re.compile(r"^[\s\-–]*(?:\[?[a-z]{2,12}\]?\s*:|\[[a-z_ ]{2,16}\])?[\s,¡¿]*")


@dataclass(frozen=True, slots=True)
class Cues:
    """The words that decide, each kind as one expression; affirmed.toml holds them."""

    pseudo: re.Pattern[str]
    ends: re.Pattern[str]
    absent_near: re.Pattern[str]
    absent: re.Pattern[str]
    absent_after: re.Pattern[str]
    possible: re.Pattern[str]
    hypothetical: re.Pattern[str]
    past: re.Pattern[str]
    past_after: re.Pattern[str]
    other_person: re.Pattern[str]
    other_person_after: re.Pattern[str]
    yes: re.Pattern[str]


def fold(text: str) -> str:
    """The text in small letters without accents, each character still at its own offset."""
    return text.lower() if text.isascii() else text.translate(_PLAIN)


def sentences(text: str) -> tuple[Span, ...]:
    """The sentences and list items of a text, without the white space between them."""
    cuts = [0, *(each.end() for each in _BREAK.finditer(text)), len(text)]
    stretches = ((a, b) for a, b in pairwise(cuts) if text[a:b].strip())
    return tuple(_trimmed(text, a, b) for a, b in stretches)


def is_affirmed(folded: str, found: Span, sentence: Span, answer: Span | None) -> bool:
    """Whether the sentence says of the patient that `found` is so now: not denied, feared, remembered or of kin.

    `folded` is the whole text through `fold`; `answer` is the sentence that follows, read when this one asks.
    """
    said = folded[sentence.start : sentence.end]
    if said.endswith("?") and not (answer and _says_yes(folded[answer.start : answer.end])):
        return False
    cues = read_cues()
    start, end = found.start - sentence.start, found.end - sentence.start
    before = cues.pseudo.sub(_blank, said[max(0, start - BEFORE_CHARS) : start])
    before = before[max((each.end() for each in cues.ends.finditer(before)), default=0) :]
    behind = said[end : end + AFTER_CHARS]
    against = (cues.absent, cues.possible, cues.hypothetical, cues.past, cues.other_person)
    if any(cue.search(before) for cue in against) or near(cues.absent_near, before):
        return False
    stop = cues.ends.search(behind)
    behind = behind[: stop.start()] if stop else behind
    return not any(cue.search(behind) for cue in (cues.absent_after, cues.past_after, cues.other_person_after))


@cache
def read_cues() -> Cues:
    """The cue table, compiled once."""
    table = tomllib.loads(CUES.read_text(encoding="utf-8"))
    return Cues(**{name: any_of(words) for name, words in table.items()})


def any_of(words: list[str]) -> re.Pattern[str]:
    """One expression that finds any of these as whole words."""
    return re.compile(r"(?<!\w)(?:" + "|".join(words) + r")(?!\w)")


def near(cue: re.Pattern[str], before: str) -> bool:
    """Whether a cue in the words before reaches their end: over a few words, or on through a list."""
    for found in cue.finditer(before):
        between = before[found.end() :]
        if len(between.split()) < NEAR_WORDS or all(len(each.split()) <= ITEM_WORDS for each in _LIST.split(between)):
            return True
    return False


def _says_yes(answer: str) -> bool:
    words = _SPEAKER.sub("", answer, count=1)
    found = read_cues().yes.match(words)
    return found is not None


class _Plain(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, point: int) -> str:
        char = chr(point)
        bare = unicodedata.normalize("NFKD", char)[0].lower()
        self[point] = bare if len(bare) == 1 else char
        return self[point]


_PLAIN = _Plain()


def _trimmed(text: str, start: int, end: int) -> Span:
    stretch = text[start:end]
    return Span(start + len(stretch) - len(stretch.lstrip()), start + len(stretch.rstrip()))


def _blank(found: re.Match[str]) -> str:
    return "_" * len(found.group())
