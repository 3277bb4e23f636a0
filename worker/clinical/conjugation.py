"""English verbs of everyday talk: which words are one, and their forms for he, she and they."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from worker.clinical.tokens import word_set

TABLE = Path(__file__).with_name("verbs.toml")
_SINGULAR = {
    "am": "is",
    "are": "is",
    "is": "is",
    "was": "was",
    "were": "was",
    "have": "has",
    "do": "does",
    "has": "has",
}
_PLURAL = {
    "am": "are",
    "are": "are",
    "is": "are",
    "was": "were",
    "were": "were",
    "have": "have",
    "has": "have",
    "does": "do",
}
_VOWELS = "aeiou"


@dataclass(frozen=True, slots=True)
class Verbs:
    """verbs.toml, as sets of words."""

    verbs: frozenset[str]
    either: frozenset[str]
    pasts: frozenset[str]
    participles: frozenset[str]
    modals: frozenset[str]
    adverbs: frozenset[str]
    past_of: dict[str, str]

    def is_base(self, word: str) -> bool:
        """Whether a word behind I is a verb in the present."""
        return word in self.verbs or word in self.either

    def is_participle(self, word: str) -> bool:
        """Whether it may stand behind have: had, taken, diagnosed."""
        return word in self.participles or (word.endswith("ed") and not self.is_base(word))

    def is_unbent(self, word: str) -> bool:
        """Whether a word has the same form for every person: modals and what is past."""
        return word in self.pasts or word in self.modals or (word.endswith("ed") and not self.is_base(word))


@cache
def verbs() -> Verbs:
    """The table, read once."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    past_of = table.pop("past_of")
    return Verbs(**{name: word_set(words) for name, words in table.items()}, past_of=past_of)


def bent(word: str, *, plural: bool) -> str | None:
    """The form of a verb for he or she, or for they; None for what is no verb that is known."""
    special = (_PLURAL if plural else _SINGULAR).get(word)
    if special:
        return special
    known = verbs()
    if known.is_base(word):
        return word if plural else third(word)
    if word in thirds():
        return None if plural else word
    return word if known.is_unbent(word) else None


@cache
def thirds() -> frozenset[str]:
    """The forms for he and she: takes, goes."""
    return frozenset(third(each) for each in verbs().verbs | verbs().either)


def third(word: str) -> str:
    """He takes, he tries, he goes."""
    if word in _SINGULAR:
        return _SINGULAR[word]
    if word.endswith("y") and word[-2] not in _VOWELS:
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "sh", "ch", "x", "z", "o")) else f"{word}s"


def past(word: str) -> str | None:
    """The past of a verb whose past is certain."""
    known = verbs()
    if word in known.past_of:
        return known.past_of[word]
    return f"{word}d" if word.endswith("e") and known.is_base(word) else None
