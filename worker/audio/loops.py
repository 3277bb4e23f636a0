"""Finds text in which a recogniser got stuck: the same words again and again."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_UNIT = 10  # words that are repeated as one
SHORTEST_LOOP = 6  # words; people do say "no, no, no"
ROUNDS = 3


def is_stuck(words: Sequence[str]) -> bool:
    """Whether some run of words is said at least three times on end, six words or more in all."""
    return any(_has_loop(words, unit) for unit in range(1, LONGEST_UNIT + 1))


def _has_loop(words: Sequence[str], unit: int) -> bool:
    needed = max(SHORTEST_LOOP, ROUNDS * unit) - unit
    run = 0
    for place in range(unit, len(words)):
        run = run + 1 if words[place] == words[place - unit] else 0
        if run >= needed:
            return True
    return False
