"""Words of a text with their offsets, and what their letters say: shape and letter groups, as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from unicodedata import combining, normalize
from zlib import crc32

from shared.case import Span

GROUPS = 1 << 14
"""Rows of the table of letter groups; two groups may share one."""
SHAPES = 256
GROUP_SIZES = (2, 3, 4)
MOST_LETTERS = 40
SHAPE_LETTERS = 6

_WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Spelling:
    """What the letters of one word say."""

    groups: tuple[int, ...]
    """Rows of the table of letter groups; never empty."""
    shape: int


def words(text: str) -> list[Span]:
    """The runs of letters and digits, and each other sign alone, as bc5cdr and ncbi-disease cut them."""
    return [Span(*found.span()) for found in _WORD.finditer(text)]


@lru_cache(maxsize=1 << 16)
def spelling(word: str) -> Spelling:
    """The letter groups of a word in small letters with its bounds marked, and its pattern of capitals and digits.

    Accents do not count, as they do not for the encoder.
    """
    word = "".join(letter for letter in normalize("NFD", word) if not combining(letter))
    bound = f"<{word.lower()[:MOST_LETTERS]}>"
    groups = [bound[at : at + size] for size in GROUP_SIZES for at in range(len(bound) - size + 1)]
    rows = sorted({_row(each, GROUPS) for each in (bound, *groups)})
    return Spelling(tuple(rows), _row(_shape(word), SHAPES))


def _shape(word: str) -> str:
    """Xx for Word, X for DNA, X9 for APC2; what repeats stands once."""
    return "".join(kind for kind, _ in groupby(_kind(letter) for letter in word))[:SHAPE_LETTERS] + str(
        min(len(word), SHAPE_LETTERS)
    )


def _kind(letter: str) -> str:
    if letter.isdigit():
        return "9"
    if letter.isalpha():
        return "X" if letter.isupper() else "x"
    return letter


def _row(text: str, rows: int) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) % rows
