"""Whether a phrase of a folded text is said to be true of the patient now: a first look, by regular expressions alone.

Facts have their sense from context.py and clause.py, which work on the tokens and names of a whole reading. This small
ConText serves where there is none: phrases of danger, which signs.py then has judged by the rules of facts, and single
words of sentences that a model wrote (sense.py), where each word of each sentence is looked at.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
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


def _blank(found: re.Match[str]) -> str:
    return "_" * len(found.group())
