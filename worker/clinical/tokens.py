"""Words and signs of a folded text with their offsets, and how two spellings of one word become the same key."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r"\d+(?:[.,]\d+)+(?!\w)|\w+(?:'\w+)*|[^\w\s]")
_SIGN = re.compile(r"[^\w\s]")
_SPANISH_PLURALS = ("ciones", "siones", "dores", "lores", "mores")


class Token(NamedTuple):
    """One word, number or sign; the offsets select it in the folded text. A tuple, for a note has thousands of them."""

    word: str
    start: int
    end: int

    @property
    def is_sign(self) -> bool:
        """Whether this is punctuation."""
        return _SIGN.match(self.word) is not None


def tokenize(text: str, start: int = 0) -> list[Token]:
    """The tokens of a folded text; `start` is added to every offset."""
    if not start:
        return [Token(each[0], each.start(), each.end()) for each in _TOKEN.finditer(text)]
    return [Token(each[0], start + each.start(), start + each.end()) for each in _TOKEN.finditer(text)]


def words(text: str) -> list[str]:
    """The tokens of a folded phrase without offsets."""
    return _TOKEN.findall(text)


def stem(word: str) -> str:
    """The word without plural and possessive endings: enough to join headaches with headache."""
    word = word.removesuffix("'s").removesuffix("s'")
    if word.endswith(_SPANISH_PLURALS):
        return word[:-2]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def key(phrase: str) -> str:
    """The form in which a folded phrase of a terminology is looked up: stems joined by a space, hyphens left out."""
    return " ".join(stem(word) for word in words(phrase) if word != "-")


def word_list(text: str) -> list[str]:
    """Words written with spaces between them, for tables that a reader should take in at a glance."""
    return text.split()


def word_set(text: str) -> frozenset[str]:
    """The same as a set."""
    return frozenset(text.split())
