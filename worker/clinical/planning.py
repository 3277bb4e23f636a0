"""Whether a text plans what a model's line of plan says: each line against the very sentences that it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.case import Case, Span, Support
from worker.clinical import cross_reactions, plans, sense, wording
from worker.clinical.folded import fold
from worker.clinical.wording import Wording

FEWEST_WORDS, MOST_WORDS = 2, 26
REACH = 2
"""Sentences in a row that one line may rest on."""

Doubt = Literal[
    "form", "treats", "allergy", "nothing", "name", "number", "side", "act", "denied", "condition", "open", "person",
    "past",
]  # fmt: skip
"""What is wrong with a line: for counting and for tests; it never holds words of the text."""

NEVER: frozenset[Doubt] = frozenset({"form", "treats", "allergy", "name", "number"})
"""Doubts that no policy lets pass."""

_CONDITION = re.compile(
    r"(?<!\w)(?:if|unless|in case|depend\w*|pending|until|once|should (?:he|she|you|the|it|they|there))(?!\w)"
)
_AS_NEEDED = re.compile(r"(?<!\w)(?:as needed|sooner)(?!\w)")
_OPEN = re.compile(
    r"(?<!\w)(?:might|maybe|perhaps|may|possibly|could|consider\w*|probably|eventually|discuss\w*)(?!\w)"
)
_PAST = re.compile(
    r"(?<!\w)(?:last (?:year|month|week|visit|time)|ago|previously|already|in the past|used to|"
    r"(?:by|at) (?:another|the other|her|his) (?:clinic|hospital|doctor|provider))(?!\w)"
)
_KIN = re.compile(
    r"(?<!\w)(?:mother|father|sister|brother|son|daughter|wife|husband|aunt|uncle|grandmother|grandfather|mom|dad)(?!\w)"
)
_LOOSE = re.compile(
    r"(?<!\w)(?:you|your|i|i'm|i'll|we|we'll|we're|my|let's|she|he)(?!\w)|^\w+ (?:to \w+ )?(?:it|them|that)(?!\w)"
)
"""Speech that was not put into a line, or a line about nothing that it names."""
_CLUMSY = re.compile(
    r"refer (?!.* to )(?!to )|see (?:if|how|what|the next)|call the (?:results?|labs?|tests?)(?!\w)|come in(?!\w)|"
    r"get the (?:test )?(?:results?|things)(?!\w)|follow up with the results?(?!\w)"
)
"""Lines that name no person or place to go to, or that wait for what comes anyway."""
_CALLED = re.compile(r"(?<!\w)(?:call|contact|notify|phone) (?:her|him|you|them|the patient|patient)(?!\w)")
_URGENT = re.compile(r"(?<!\w)(?:immediately|right (?:away|now)|stat|urgent(?:ly)?|emergently)(?!\w)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found; the evidence is the sentences that plan what the line says."""

    support: Support
    evidence: tuple[Span, ...]
    doubts: frozenset[Doubt]


@dataclass(frozen=True, slots=True)
class _Said:
    spans: tuple[Span, ...]
    folded: str
    wording: Wording


def check(case: Case, said: Sequence[Span], line: str) -> Verdict:
    """Judge one line against sentences of the case that plan something.

    It must begin with an act that they announce, treat nothing and name no drug; each of its meaning words, numbers and
    sides stands in one sentence or two in a row, under the same condition, neither denied there nor left open, nor
    another person's, nor past.
    """
    written = wording.read(line)
    doubts = frozenset(_own_doubts(case, line, written))
    if doubts:
        return Verdict("unsupported", (), doubts)
    found = [(each, frozenset(_doubts(line, written, each))) for each in _stretches(case, said)]
    best = min(found, key=lambda pair: _distance(pair[1], pair[0]), default=None)
    if best is None or best[1]:
        return Verdict("unsupported", (), best[1] if best else frozenset({"nothing"}))
    return Verdict("supported", best[0].spans, frozenset())


def is_urgent(line: str) -> bool:
    """Whether a line that the text supports says that there is no time to lose."""
    folded = fold(line)
    return bool(_URGENT.search(folded)) and not _CONDITION.search(folded)


def says_more(line: str, others: Iterable[str]) -> bool:
    """Whether a line says something that none of the others says."""
    ours = _content(line)
    return not any(ours <= _content(other) for other in others)


def _distance(doubts: frozenset[Doubt], said: _Said) -> tuple[bool, bool, bool, int, int]:
    """How far a stretch is from planning a line: none at all first, then one that speaks of the same thing."""
    return bool(doubts), "nothing" in doubts, "act" in doubts, len(doubts), len(said.spans)


def _own_doubts(case: Case, line: str, written: Wording) -> Iterable[Doubt]:
    """What is wrong with a line whatever the text says."""
    known = plans.vocabulary()
    words = fold(line).split()
    first = next(iter(written.words), "")
    fits = FEWEST_WORDS <= len(words) <= MOST_WORDS and not line.rstrip().endswith("?")
    if first not in known.begins or not fits or _LOOSE.search(fold(line)) or _CLUMSY.match(fold(line)):
        yield "form"
    named = cross_reactions.drugs(line, case.language)
    if known.treats.intersection(written.words) or any(not _is_contrast(each) for each in named):
        yield "treats"
    if cross_reactions.against(case)(line):
        yield "allergy"


def _is_contrast(names: frozenset[str]) -> bool:
    """Contrast belongs to an image: it is no treatment."""
    return names <= cross_reactions.contrast()


def _stretches(case: Case, said: Sequence[Span]) -> Iterable[_Said]:
    for size in range(1, REACH + 1):
        for at in range(len(said) - size + 1):
            spans = tuple(said[at : at + size])
            folded = " . ".join(fold(" ".join(case.quote(span).split())) for span in spans)
            yield _Said(spans, folded, wording.read(folded))


def _doubts(line: str, written: Wording, said: _Said) -> Iterable[Doubt]:
    folded = fold(line)
    act = written.words[0]
    own = written.stems - said.wording.stems - _frame() - {wording.stem(act)}
    if own:
        yield "nothing"
    if any(wording.looks_clinical(word) for word in written.words if wording.stem(word) in own):
        yield "name"
    if not _announced(act, said.wording) or not _follows(written, said.wording):
        yield "act"
    if _CALLED.search(folded) and not _CALLED.search(said.folded):
        yield "person"
    yield from _number_doubts(written, said.wording)
    yield from _sense_doubts(folded, written, said)
    loose = _AS_NEEDED.search(folded) and not _AS_NEEDED.search(said.folded)
    if loose or bool(_CONDITION.search(folded)) != bool(_CONDITION.search(said.folded)):
        yield "condition"
    if _OPEN.search(said.folded) and not _OPEN.search(folded):
        yield "open"
    if set(_KIN.findall(said.folded)) - set(_KIN.findall(folded)):
        yield "person"
    if _PAST.search(said.folded) and not _PAST.search(folded):
        yield "past"


def _announced(act: str, said: Wording) -> bool:
    """Whether the sentence has this act or one that says the same."""
    theirs = {*said.words, *said.stems, *map(wording.stem, said.words)}
    same = {wording.stem(act), act}.union(*(group for group in plans.vocabulary().acts if act in group))
    return not theirs.isdisjoint(same)


def _follows(written: Wording, said: Wording) -> bool:
    """Whether behind the act comes first what comes there in the sentence: check the INR, and not check the head."""
    act, *behind = written.words
    places = [at for at, word in enumerate(said.words) if word == act]
    first = next(filter(None, map(_meaning, behind)), None)
    after = [next(filter(None, map(_meaning, said.words[at + 1 :])), None) for at in places]
    return not places or first is None or first in after


def _meaning(word: str) -> str | None:
    """The stem of a word that means something, a number as it stands, None for the others."""
    if word[0].isdigit() or wording.counts(word):
        return next((number.value for number in wording.numbers((word,))), None)
    return (
        wording.stem(word) if word[0].isalpha() and not wording.is_plain(word) and wording.unit(word) is None else None
    )


def _number_doubts(written: Wording, said: Wording) -> Iterable[Doubt]:
    amounts = {(number.value, number.unit) for number in said.numbers}
    values = {value for value, _ in amounts}
    if any(
        number.value not in values or (number.unit and (number.value, number.unit) not in amounts)
        for number in written.numbers
    ):
        yield "number"
    if not {side for side, _ in written.sides} <= {side for side, _ in said.sides}:
        yield "side"


def _sense_doubts(folded: str, written: Wording, said: _Said) -> Iterable[Doubt]:
    """What is denied there must be denied here; avoiding is a way to deny."""
    there, here = sense.denied_stems(said.folded), sense.denied_stems(folded)
    about = written.stems & said.wording.stems
    if (about & there) ^ (about & here):
        yield "denied"


def _content(line: str) -> frozenset[str]:
    """What a line is about, without the act that it begins with."""
    written = wording.read(line)
    numbers = {f"{number.value} {number.unit}" for number in written.numbers}
    return frozenset(written.stems - {wording.stem(written.words[0])} | numbers) if written.words else frozenset()


def _frame() -> frozenset[str]:
    return frozenset(wording.stem(word) for word in plans.vocabulary().frame)
