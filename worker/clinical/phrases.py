"""Longest-match search for many phrases at once in a list of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Hit(Generic[Value]):
    """A phrase found: words `first` to `last` (exclusive), and what it stands for."""

    first: int
    last: int
    value: Value


class Phrases(Generic[Value]):
    """A table of phrases, each a string of words joined by one space.

    Looking at one word costs at most the number of words of the longest phrase that begins with it, so a search is
    linear in the text.
    """

    def __init__(self, table: Mapping[str, Value]) -> None:
        self._table = table
        self._longest: dict[str, int] = {}
        for phrase in table:
            first, count = phrase.partition(" ")[0], phrase.count(" ") + 1
            if count > self._longest.get(first, 0):
                self._longest[first] = count

    def find(self, words: Sequence[str]) -> Iterator[Hit[Value]]:
        """The longest phrases from left to right, none overlapping."""
        position = 0
        while position < len(words):
            hit = self._at(words, position) if words[position] in self._longest else None
            if hit:
                yield hit
            position = hit.last if hit else position + 1

    def _at(self, words: Sequence[str], first: int) -> Hit[Value] | None:
        longest = min(self._longest[words[first]], len(words) - first)
        for count in range(longest, 0, -1):
            phrase = words[first] if count == 1 else " ".join(words[first : first + count])
            if phrase in self._table:
                return Hit(first, first + count, self._table[phrase])
        return None
