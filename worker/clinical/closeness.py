"""Sentences that follow one of the text's almost word for word: they may differ only in words that claim nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from worker.clinical import claims, wording
from worker.clinical.tokens import word_set

Difference = Literal["denied", "affirmed", "person", "wording"]

CLOSE = 0.66
"""Share of a written sentence that stands in the same order in one sentence of the text: from here on it follows it."""
FEWEST = 2
"""Words that must stand so at least."""
ALIKE = 0.9
"""From here on even one denial among several counts."""
NOT = "not"
REACH = 2
"""How far before words that both share a denial or a relative may stand and still belong to them."""

_FRAME = word_set(
    "the a an he she they i patient patients patient's pt it his her my their your its this that el la los las un una "
    "paciente su sus mi mis yo que"
)
_SAME = {
    word: words.split()[0]
    for words in (
        "have has had having i've he's she's tengo tiene tenia",
        "be is was are were am been being i'm soy es esta estaba estoy",
        "report reports reported states stated notes noted says said refiere refiero",
        "niega niego negaba nego",
        "toma tomo tomaba",
        "fuma fumo fumaba",
        "bebe bebo bebia",
        "vive vivo vivia",
    )
    for word in words.split()
}
"""Forms of one word, and words that only report."""
_NOT = re.compile(
    r"no|not|none|never|nor|neither|without|cannot|den(?:y|ies|ied|ying)|\w+n[’']t|n[’']t|sin|ni|niega[n]?|niego|nunca|tampoco|ningun[oa]?"
)
_CHILDREN = frozenset({"kin:son", "kin:daughter"})
"""Whoever brings a child speaks of the patient as his son or her daughter."""
_WITH = re.compile(r"(?:by|with|from|per|con|por) (?:his|her|their|the|my|a|su|la|el|mi|un|una)$")
_BRINGS = re.compile(
    r"(?:brings?|brought|states?|stated|reports?|reported|says?|said|tells?|told|trae|refiere|cuenta|dice)$"
)
_TIME = frozenset({"min", "h", "d", "wk", "mo", "a"})
_LABEL = re.compile(r"^\[?(?:doctor|dr|patient|clinician|paciente|medico|medica)\]?$")


@dataclass(frozen=True, slots=True)
class Match:
    """How a written sentence follows one of the text's."""

    share: float
    """Of its words, those that stand there in the same order."""
    differences: frozenset[Difference]


def bones(words: Sequence[str]) -> tuple[str, ...]:
    """All words but the subject, articles and the speaker's name; tenses of reporting and of to be are one."""
    spoken = list(words)
    if len(spoken) > 1 and spoken[1] == ":" and _LABEL.match(spoken[0]):
        spoken = spoken[2:]
    kept = (_SAME.get(word) or wording.stem(word) for word in spoken if word not in _FRAME)
    return tuple(word for word in kept if word[0].isalnum() or word == "%")


def sequence(words: Sequence[str], *, whole: bool = False) -> tuple[str, ...]:
    """Meaning words, numbers, units, sides, denials and claims in order; as a `whole` also the plain words."""
    numbers = {each.at: each.value for each in wording.numbers(tuple(words))}
    placed = {
        each.at: f"{each.claim.axis}:{each.claim.value}"
        for each in claims.of(words)
        if each.claim.axis != "kin" or not _tells(words, each.at)
    }
    kept: list[str] = []
    for at, word in enumerate(words):
        plain = word in _FRAME if whole else word in wording.plain_words()
        if at in numbers:
            kept.append(numbers[at])
        elif _NOT.fullmatch(word):
            kept.append(NOT)
        elif at in placed:
            kept.append(placed[at])
        elif (unit := wording.unit(word)) and (unit in _TIME or (at and words[at - 1][-1].isdigit())):
            kept.append(unit)
        elif word[0].isalnum() and not plain and not wording.counts(word):
            kept.append(_SAME.get(word) or wording.stem(word))
    return tuple(kept)


def match(theirs: Sequence[str], ours: Sequence[str], exempt: frozenset[str]) -> Match | None:
    """Compare two sequences; None where the written one does not follow. `exempt` words are judged elsewhere."""
    compared = SequenceMatcher(None, theirs, ours, autojunk=False)
    share = sum(block.size for block in compared.get_matching_blocks()) / max(1, len(ours))
    if len(ours) < FEWEST or share * len(ours) < FEWEST or share < CLOSE:
        return None
    return Match(share, frozenset(_differences(theirs, ours, compared, exempt, alike=share >= ALIKE)))


def _differences(
    theirs: Sequence[str], ours: Sequence[str], compared: SequenceMatcher[str], exempt: frozenset[str], *, alike: bool
) -> Iterator[Difference]:
    steps = compared.get_opcodes()
    first = next(at for at, step in enumerate(steps) if step[0] == "equal")
    last = max(at for at, step in enumerate(steps) if step[0] == "equal")
    for at, (kind, low, high, start, end) in enumerate(steps):
        gone, new = theirs[low:high], ours[start:end]
        if kind == "equal":
            continue
        near = gone[-REACH:] if at < last else ()
        yield from _of_denial(near, new, theirs, ours)
        loose = (exempt | {NOT}).isdisjoint((*theirs[high : high + 1], *ours[end : end + 1]))
        if alike and loose and (NOT in near) != (NOT in new):
            yield "denied" if NOT in new else "affirmed"
        yield from _of_kin(near, new, theirs, ours)
        replaced = any(word != NOT for word in gone) and (first < at < last or len(gone) <= len(new))
        if _opposed(gone, new) or (replaced and _strange(new, theirs, ours, exempt)):
            yield "wording"


def _of_denial(
    gone: Sequence[str], new: Sequence[str], theirs: Sequence[str], ours: Sequence[str]
) -> Iterator[Difference]:
    if NOT in new and NOT not in theirs:
        yield "denied"
    if NOT in gone and NOT not in ours:
        yield "affirmed"


def _of_kin(
    gone: Sequence[str], new: Sequence[str], theirs: Sequence[str], ours: Sequence[str]
) -> Iterator[Difference]:
    lost = any(map(_is_kin, gone)) and not any(map(_is_kin, ours))
    if lost or (any(map(_is_kin, new)) and not any(map(_is_kin, theirs))):
        yield "person"


def _opposed(gone: Sequence[str], new: Sequence[str]) -> bool:
    """Whether one claim stands in the place of another on its axis."""
    axes = {word.partition(":")[0] for word in gone if ":" in word}
    return any(word.partition(":")[0] in axes for word in new if ":" in word and word not in gone)


def _tells(words: Sequence[str], at: int) -> bool:
    """Whether a word names who brings the patient, lives with him or tells about him, not whose illness it is."""
    return bool(_WITH.search(" ".join(words[max(0, at - 2) : at])) or _BRINGS.match(" ".join(words[at + 1 : at + 2])))


def _is_kin(word: str) -> bool:
    return word.startswith("kin:") and word not in _CHILDREN


def _strange(new: Sequence[str], theirs: Sequence[str], ours: Sequence[str], exempt: frozenset[str]) -> bool:
    """Whether words were put in that the sentence does not have, or does not have so often."""
    return any(word != NOT and word not in exempt and ours.count(word) > theirs.count(word) for word in new)
