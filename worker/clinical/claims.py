"""Words that claim something on an axis: better or worse, mild or severe, once or twice, mother or father."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from worker.clinical.tokens import word_set

TABLE = Path(__file__).with_name("claims.toml")
WORDS_KEPT = 4096
"""Words of which it is remembered what they are: a bound, for notes bring new ones without end."""
_PAIRED = re.compile(
    r"(?:other|alternate|otra) (?:days?|dia)|every other|(?:una|dos|tres|cuatro|three|four) (?:vez|veces|times)"
)
_NOUNS = word_set(
    "day days week weeks month months year years hour hours hrs dia dias semana semanas mes meses ano anos hora horas"
)
_EACH = word_set("a per each every al la cada por")
"""Before a noun of time, these tell how often; otherwise it tells how long."""
_PLACE = re.compile(r"(?:low|lower|high|higher) (?:back|extremit|leg|limb|lobe|abdom|quadrant|lip|jaw|school)")
"""Low back pain is not little of it."""
_MOVED = {"up": "more", "down": "less"}
_COUNTED = {"three-times": "thrice", "four-times": "qid"}


@dataclass(frozen=True, slots=True)
class Claim:
    """A value on an axis, e.g. better on course."""

    axis: str
    value: str

    def against(self, other: Claim) -> bool:
        """Whether both cannot hold of one thing."""
        return self.axis == other.axis and self.value != other.value


@dataclass(frozen=True, slots=True)
class Placed:
    """A claim and the place of its word among the words of its sentence."""

    claim: Claim
    at: int


@cache
def must(axis: str) -> bool:
    """Whether a value on this axis has to stand in the text."""
    return bool(_table()[axis].get("must", False))


def of(words: Sequence[str]) -> tuple[Placed, ...]:
    """The claims of a sentence, given as folded words in order."""
    found = [
        Placed(claim, at)
        for at, word in enumerate(words)
        if (claim := of_word(word))
        and (word not in _NOUNS or (at and words[at - 1] in _EACH))
        and not _PLACE.match(" ".join(words[at : at + 2]))
    ]
    found += [
        Placed(Claim("amount", _MOVED[one]), at)
        for at, (one, two) in enumerate(pairwise(words))
        if one in _MOVED and (two[0].isdigit() or two in {"from", "by"})
    ]
    for at, (one, two) in enumerate(pairwise(words)):
        if _PAIRED.fullmatch(f"{one} {two}"):
            claim = of_word(_COUNTED.get(f"{one}-{two}", f"{one}-{two}"))
            found += [Placed(claim, at)] if claim else []
    return tuple(found)


@lru_cache(WORDS_KEPT)
def of_word(word: str) -> Claim | None:
    """What one folded word claims."""
    exact, stems = _words()
    if word in exact:
        return exact[word]
    return next((stems[word[:end]] for end in range(len(word), 2, -1) if word[:end] in stems), None)


@cache
def _words() -> tuple[dict[str, Claim], dict[str, Claim]]:
    """Whole words, and beginnings of words."""
    exact: dict[str, Claim] = {}
    stems: dict[str, Claim] = {}
    for axis, values in _table().items():
        for value, words in values.items():
            for word in str(words).split() if value != "must" else ():
                (stems if word.endswith("*") else exact)[word.removesuffix("*")] = Claim(axis, value)
    return exact, stems


@cache
def _table() -> dict[str, dict[str, str | bool]]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
