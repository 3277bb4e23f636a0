"""Mends misheard medicine names: what sounds like one is heard again with the name as a hint, and must be heard so.

A recogniser hears common words better than rare ones ("met Foreman" for metformin). Hints to the whole recording mend
that and break other things: names were heard that nobody said, and whole turns were left out. So hints go only to the
few seconds that resemble a name, and only that name may come out of it.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

from worker.audio.engine import SAMPLE_RATE_HZ, Phrase, Sound, Spoken

MISHEARD_WORDS = 3  # one name is heard as at most three words
SHORTEST = 5  # letters; shorter names resemble too much
RESEMBLES = 0.7  # share of letters in common (Ratcliff and Obershelp) above which it is worth a second hearing
THE_SAME = 0.9  # above this, a second hearing is worth it however sure the first one was
SURE = 0.9  # words heard with this probability are what they are, unless they spell a name
HINTS = 3  # names to listen for at one place, the most alike first
AROUND_S = (2.5, 5.0)
"""How much before and behind a suspect is heard again with it, in two tries. Of the 14 misheard names in the twelve
recordings that these numbers were chosen on, one try mended 11 and two 12. Asked about 28 places where no medicine was
named, the second hearing never said one.
"""
APART_S = 1.0  # how far the two hearings of a name may lie apart

HearAgain = Callable[[Sound, Sequence[str]], Iterable[Phrase]]
"""What a recogniser makes of a part of the sound when it is given words to expect."""

_NAMES = Path(__file__).with_name("medicine_names.toml")
_GLUED = re.compile(r"^(\W*[^\W\d]{6,})(\d.*)$", re.DOTALL)
_PUNCTUATION = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Words `first` to before `last` that resemble names of medicines."""

    first: int
    last: int
    likeness: float
    names: tuple[str, ...]


class Medicines:
    """The names of one language, found by the pairs of letters in them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = {letters: name for name in names if len(letters := _letters(name)) >= SHORTEST}
        self._pairs: dict[str, list[str]] = defaultdict(list)
        for name in self._names:
            for pair in _pairs(name):
                self._pairs[pair].append(name)

    def suspects(self, words: Sequence[Spoken]) -> list[Suspect]:
        """Places that resemble a name without being one, none overlapping, in order."""
        plain = [_letters(word.text) for word in words]
        found = [
            suspect
            for first in range(len(plain))
            for last in range(first + 1, min(first + MISHEARD_WORDS, len(plain)) + 1)
            if (suspect := self._compare(first, last, plain[first:last]))
            and (suspect.likeness >= THE_SAME or min(word.probability for word in words[first:last]) < SURE)
        ]
        kept: list[Suspect] = []
        for each in sorted(found, key=lambda suspect: -suspect.likeness):
            if all(each.last <= other.first or other.last <= each.first for other in kept):
                kept.append(each)
        return sorted(kept, key=lambda suspect: suspect.first)

    def _compare(self, first: int, last: int, plain: list[str]) -> Suspect | None:
        said = "".join(plain)
        if len(said) < SHORTEST or any(word in self._names or not word for word in plain):
            return None
        shared = Counter(name for pair in _pairs(said) for name in self._pairs.get(pair, ()))
        likely = (name for name, count in shared.items() if 3 * count >= len(name) - 1)
        ranked = sorted(((_likeness(said, name), name) for name in likely), reverse=True)
        if not ranked or ranked[0][0] < RESEMBLES:
            return None
        return Suspect(first, last, ranked[0][0], tuple(self._names[name] for _, name in ranked[:HINTS]))


def load(more: Sequence[str] = ()) -> dict[str, Medicines]:
    """The names by language; `more` names count in each."""
    lists = tomllib.loads(_NAMES.read_text(encoding="utf-8"))
    return {language: Medicines([*names.split(), *more]) for language, names in lists.items()}


def mend(phrase: Phrase, sound: Sound, hear_again: HearAgain, medicines: Medicines) -> Phrase:
    """The phrase with each suspect replaced by a medicine's name where a second hearing confirms it."""
    words = [part for word in phrase.words for part in _unglue(word)]
    mended = False
    for suspect in reversed(medicines.suspects(words)):
        span = words[suspect.first : suspect.last]
        tries = (_confirm(span, around_s, sound, hear_again, suspect.names) for around_s in AROUND_S)
        if name := next(filter(None, tries), None):
            words[suspect.first : suspect.last] = [_rename(span, name, opens=_opens(words[: suspect.first]))]
            mended = True
    return replace(phrase, words=tuple(words)) if mended else phrase


def _unglue(word: Spoken) -> tuple[Spoken, ...]:
    """A name and the dose that was written onto it, as in Sumitripton50mg."""
    glued = _GLUED.match(word.text)
    if glued is None:
        return (word,)
    joint_s = word.start_s + (word.end_s - word.start_s) * len(glued[1]) / len(word.text)
    return replace(word, text=glued[1], end_s=joint_s), replace(word, text=f" {glued[2]}", start_s=joint_s)


def _confirm(
    span: Sequence[Spoken], around_s: float, sound: Sound, hear_again: HearAgain, names: tuple[str, ...]
) -> Spoken | None:
    """The medicine's name, if it is now heard where the suspect was."""
    begin_s = max(span[0].start_s - around_s, 0.0)
    part = sound[int(begin_s * SAMPLE_RATE_HZ) : int((span[-1].end_s + around_s) * SAMPLE_RATE_HZ)]
    wanted = {_letters(name): name for name in names}
    middle_s = (span[0].start_s + span[-1].end_s) / 2 - begin_s
    for phrase in hear_again(part, names):
        for word in phrase.words:
            near = abs((word.start_s + word.end_s) / 2 - middle_s) <= APART_S
            if near and _letters(word.text) in wanted:
                return replace(word, text=wanted[_letters(word.text)])
    return None


def _rename(span: Sequence[Spoken], name: Spoken, *, opens: bool) -> Spoken:
    before = _PUNCTUATION.match(span[0].text)
    after = _PUNCTUATION.match(span[-1].text)
    text = name.text.capitalize() if opens else name.text
    return Spoken(
        f"{before[1] if before else ' '}{text}{after[3] if after else ''}",
        span[0].start_s,
        span[-1].end_s,
        name.probability,
        mended=True,
    )


def _opens(before: Sequence[Spoken]) -> bool:
    """Whether a sentence begins behind these words."""
    return not before or before[-1].text.rstrip().endswith((".", "?", "!"))


def _letters(word: str) -> str:
    """A word's letters without case and accents; none for a word with a digit, such as 50mg."""
    if any(each.isdigit() for each in word):
        return ""
    return "".join(each for each in unicodedata.normalize("NFKD", word.casefold()) if each.isalpha())


def _pairs(letters: str) -> set[str]:
    return {letters[place : place + 2] for place in range(len(letters) - 1)}


def _likeness(said: str, name: str) -> float:
    return SequenceMatcher(None, said, name, autojunk=False).ratio()
