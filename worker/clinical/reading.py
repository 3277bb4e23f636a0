"""A text as the rules read it: small letters, no accents, digits for numbers, whole words, each tied to its source."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.case import Span
from worker.clinical.numbers import Number, spoken
from worker.clinical.spelling import pieces as spelled
from worker.clinical.tokens import Token, tokenize

_PLAIN = {"’": "'", "‘": "'", "´": "'", "–": "-", "—": "-", "‑": "-", "−": "-", "\u00a0": " "}


@dataclass(frozen=True)
class Reading:
    """The text that rules match on; `starts` and `ends` tell for each of its characters where it came from."""

    source: str
    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    language: str = "en"

    @cached_property
    def tokens(self) -> list[Token]:
        """The tokens of the whole reading."""
        return tokenize(self.text)

    def span(self, start: int, end: int) -> Span:
        """The source stretch of a stretch of the reading (end exclusive, not empty)."""
        return Span(self.starts[start], self.ends[end - 1])

    def words(self, start: int, end: int) -> str:
        """The very words of the source."""
        return self.source[self.starts[start] : self.ends[end - 1]]

    def is_upper(self, position: int) -> bool:
        """Whether the source has a capital letter there."""
        return position < len(self.starts) and self.source[self.starts[position]].isupper()


def read(source: str, language: str) -> Reading:
    """Fold a text of that language (en or es); nothing of the source is changed."""
    text, starts, ends = _fold(source)
    pieces, from_, to = [], [], []
    done = 0
    stretches = (*_spoken_stretches(text, language), *spelled(source, text, starts))
    for start, end, word in sorted(stretches):
        if start < done:
            continue
        pieces += [text[done:start], word]
        from_ += [*starts[done:start], *[starts[start]] * len(word)]
        to += [*ends[done:start], *[ends[end - 1]] * len(word)]
        done = end
    pieces.append(text[done:])
    return Reading(source, "".join(pieces), [*from_, *starts[done:]], [*to, *ends[done:]], language)


def fold(text: str) -> str:
    """Small letters without accents, typographic quotes and dashes as plain ones."""
    return _fold(text)[0]


class _Folds(dict[int, str | None]):
    """What each character becomes, worked out when it is first met; combining marks become nothing."""

    def __missing__(self, point: int) -> str | None:
        char = chr(point)
        bare = unicodedata.normalize("NFD", char)[0].lower()
        self[point] = None if unicodedata.combining(char) else _PLAIN.get(char, bare if len(bare) == 1 else char)
        return self[point]


_FOLDS = _Folds()


def _fold(source: str) -> tuple[str, Sequence[int], Sequence[int]]:
    text = source.lower() if source.isascii() else source.translate(_FOLDS)
    if len(text) == len(source):
        return text, range(len(source)), range(1, len(source) + 1)
    starts: list[int] = []
    ends: list[int] = []
    for offset, char in enumerate(source):
        if _FOLDS[ord(char)] is not None:
            starts.append(offset)
            ends.append(offset + 1)
        elif ends:
            ends[-1] = offset + 1
    return text, starts, ends


def _spoken_stretches(text: str, language: str) -> Iterator[tuple[int, int, str]]:
    """Where numbers are spoken; a number never runs over anything but white space and hyphens within a word."""
    tokens = tokenize(text)
    for number in spoken(_joined(text, tokens), language):
        first, last = tokens[number.first], tokens[number.last - 1]
        if not _is_digits(text, first, number):
            yield first.start, last.end, number.digits


def _joined(text: str, tokens: Sequence[Token]) -> list[str]:
    """The words; a hyphen between spaces becomes another sign, so that no number runs over it, and a point "point"."""
    return [_sign(text, each) if each.word in {"-", "."} else each.word for each in tokens]


def _sign(text: str, token: Token) -> str:
    apart = text[token.end : token.end + 1] == " "
    if token.word == "." and apart and text[token.start - 1 : token.start] == " ":
        return "point"
    return "," if token.word == "-" and text[token.end : token.end + 1].isspace() else token.word


def _is_digits(text: str, first: Token, number: Number) -> bool:
    return text[first.start : first.end] == number.digits
