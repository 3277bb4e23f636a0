"""A text in small letters without accents, each character at its own offset, and where its sentences stand.

For looking words up in the case's own offsets. Reading (reading.py) folds further, to single letters and with numbers
as digits, and keeps the way back; the sentences of facts (sentences.py) know sections, turns and abbreviations.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from shared.case import Span

_OPEN = "".join(
    rf"(?<!\b{word}\.)" for word in ("Dr", "Dra", "Mr", "Mrs", "Ms", "Sr", "Sra", "St", r"y\.o", "vs", "mg")
)
"""Abbreviations whose point ends no sentence."""
_BREAK = re.compile(rf"(?<=[.!?;]){_OPEN}\s+" r"|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)]|[A-ZÁÉÍÓÚÑ¿¡\[]))")


def fold(text: str) -> str:
    """The text in small letters without accents, each character still at its own offset."""
    return text.lower() if text.isascii() else text.translate(_PLAIN)


def sentences(text: str) -> tuple[Span, ...]:
    """The sentences and list items of a text, without the white space between them."""
    cuts = [0, *(each.end() for each in _BREAK.finditer(text)), len(text)]
    stretches = ((a, b) for a, b in pairwise(cuts) if text[a:b].strip())
    return tuple(_trimmed(text, a, b) for a, b in stretches)


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
