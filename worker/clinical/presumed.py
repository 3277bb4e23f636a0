"""What a denial takes for granted, and what is gone though nothing denies it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from worker.clinical.clause import ITEMS, Clause, Place
from worker.clinical.cues import Cue
from worker.clinical.tokens import word_set

_NOTS = frozenset({"not", "never"})
_OWNERS = word_set("his her my their your its")
_OF = word_set("for of about to by from with because")
_NEAR = 3
"""How many words before a finding may tell whose it is."""
_TAKEN_AWAY = ("retir", "suspen")


def presupposed(clause: Clause, cue: Cue, place: Place) -> bool:
    """Whether what a cue denies only happens about the finding: no pain before the injury, not aware of his asthma."""
    verbal = any(word in _NOTS or word.endswith("n't") for word in clause.words[cue.first : cue.last])
    if verbal and _owned(clause.words[cue.last : place.first]) and not clause.between(cue.last, place.first):
        return True
    for each in clause.cues:
        if each.sense == "before" and cue.last <= each.first and each.last <= place.first:
            behind = clause.words[each.last : place.first]
            if not behind or (clause.between(cue.last, each.first) and ITEMS.isdisjoint(behind)):
                return True
    return False


def removed(clause: Clause, place: Place) -> Cue | None:
    """The Spanish words that say, just before it, that a thing was taken away: retirada de la sonda."""
    cues = (each for each in clause.cues if clause.spanish and each.sense == "stopped" and each.last == place.first)
    said = ((each, clause.words[each.first : each.last]) for each in cues)
    return next((each for each, words in said if any(word.startswith(_TAKEN_AWAY) for word in words)), None)


def _owned(words: Sequence[str]) -> bool:
    """Whether the last of these name something as the patient's own: treatment for his, care for the."""
    near = [*pairwise(words)][-_NEAR:]
    return any((one in _OF and two in _OWNERS) or (one == "for" and two == "the") for one, two in near)
