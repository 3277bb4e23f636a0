"""Where an English sentence begins a clause with a subject of its own: "no edema, and the wound was red"."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from worker.clinical.tokens import word_set

_LINKS = frozenset({",", "and", ";"})
_CLOSERS = word_set("were are have remain")
"""They may also close a list that shares them: "no fever, cough and chills were reported"."""
_FINITE = _CLOSERS | word_set(
    "was is has had did does do remains remained showed shows revealed reveals demonstrated demonstrates continues "
    "continued persists persisted improved worsened began became grew appears appeared resolved it's that's contains "
    "contained demonstrate exhibits exhibited measures measured displays displayed lies extends extended"
)
_UNDER = word_set("that which who whom where when if whether as what because while than or nor")
"""Behind these a verb belongs to something smaller than a clause; "or" carries a list on."""


_ARTICLES = word_set("el la los las su sus")
_SPANISH = word_set(
    "es esta estan son era eran fue ha han tiene tienen presenta presentan muestra muestran persiste persisten mejora "
    "continua continuan sigue siguen mantiene mantienen aparece aumenta empeora comenzo empezo cedio"
)
_MAIN = _FINITE | word_set("developed presented underwent came complained awoke woke fell sustained noticed felt")


def goes_on(words: Sequence[str]) -> bool:
    """Whether the words behind "with no" or "without" come to a verb: a man with no history developed pain."""
    verb = next((n for n, word in enumerate(words) if word in _MAIN), None)
    return verb is not None and _UNDER.isdisjoint(words[:verb])


def own_clauses(words: Sequence[str], covered: Collection[int] = ()) -> set[int]:
    """The commas and "and"s behind which a subject with its own verb stands; `covered` words belong to findings."""
    links = [n for n, word in enumerate(words) if word in _LINKS and n not in covered]
    found: set[int] = set()
    for link, following in pairwise([*links, len(words)]):
        verb = next((n for n in range(link + 1, following) if words[n] in _FINITE), None)
        if verb is None or verb == link + 1 or any(words[n] in _UNDER for n in range(link + 1, verb)):
            continue
        if words[verb] not in _CLOSERS or any(words[n] in _FINITE for n in range(link)):
            found.add(link)
    return found


def spanish_clauses(words: Sequence[str], covered: Collection[int] = ()) -> set[int]:
    """The same of Spanish, where the subject has an article: sin fiebre y el dolor ha mejorado."""
    links = [n for n, word in enumerate(words) if word in {",", "y", "e"} and n not in covered]
    pairs = pairwise([*links, len(words)])
    led = [(link, words[link + 1 : stop]) for link, stop in pairs if words[link + 1 : link + 2]]
    return {n for n, behind in led if behind[:1] and behind[0] in _ARTICLES and _has_verb(behind)}


def _has_verb(behind: Sequence[str]) -> bool:
    verb = next((n for n, word in enumerate(behind) if word in _SPANISH or word == "que"), None)
    return verb is not None and behind[verb] != "que"
