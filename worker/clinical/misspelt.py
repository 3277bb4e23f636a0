"""Names of drugs as somebody wrote them who only heard them: metforman, lisinipril, tylonol, ibuprophen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

Name = TypeVar("Name")

SHORTEST_WORD, SHORTEST_NAME = 6, 7
"""Shorter words too often sound like a drug by chance."""
LONG_WORD = 8
"""From this length on two letters may differ, below it one."""
_WORDS = frozenset({"stains", "stations"})
"""Words that only look like a name."""
_SPELLINGS = (("ph", "f"), ("th", "t"), ("ch", "c"), ("ck", "c"), ("qu", "c"), ("x", "cs"), ("k", "c"), ("z", "s"))
_SOFT = (("ce", "se"), ("ci", "si"), ("cy", "sy"))
_SILENT = str.maketrans("", "", "aeiouyhw")
_DOUBLE = re.compile(r"(.)\1+")


def sound(word: str) -> str:
    """What two spellings of a word share: the consonants, and the vowel that it may begin with."""
    for spelling, letter in (*_SPELLINGS, *_SOFT):
        word = word.replace(spelling, letter)
    return _DOUBLE.sub(r"\1", word[:1] + word[1:].translate(_SILENT))


class Sounds(Generic[Name]):
    """Names by their sound; one that sounds like several things stands for none of them."""

    def __init__(self, names: Mapping[str, Name]) -> None:
        """`names` are folded, each with what it stands for."""
        self._names: dict[str, list[tuple[str, Name]]] = {}
        for name, meaning in names.items():
            if len(name) >= SHORTEST_NAME and name.isalpha():
                self._names.setdefault(sound(name), []).append((name, meaning))

    def find(self, word: str) -> Name | None:
        """What a misspelt word stands for; None where it is like no name."""
        if len(word) < SHORTEST_WORD or not word.isalpha() or word in _WORDS:
            return None
        limit = 2 if len(word) >= LONG_WORD else 1
        alike = self._names.get(sound(word), ())
        near = [meaning for name, meaning in alike if name[0] == word[0] and _apart(name, word) <= limit]
        return near[0] if near and all(each == near[0] for each in near) else None


def _apart(one: str, other: str) -> int:
    """How many letters to put in, leave out or change (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for n, letter in enumerate(one, start=1):
        before, row[0] = row[0], n
        for place, sign in enumerate(other, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != sign))
    return row[-1]
