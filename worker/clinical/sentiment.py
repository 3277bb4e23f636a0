"""How a patient feels about it, turn by turn: distressed, negative, neutral or positive, by lists of phrases.

Phrases carry weights, and the words before them strengthen, weaken or turn them, as in VADER (Hutto and Gilbert 2014,
ICWSM 8:216); the lists of data/sentiment.toml leave out complaints and findings, which are no feelings.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt

from shared.case import Mood, Sentiment, TurnSentiment
from worker.clinical.phrases import Phrases
from worker.clinical.reading import Reading
from worker.clinical.relatives import relatives
from worker.clinical.terminology import DATA
from worker.clinical.tokens import Token
from worker.clinical.turns import Turn

LOOK_BACK_WORDS = 3
"""How far before a phrase a word still strengthens, weakens or turns it; no further than a sign."""
MORE, LESS = 1.4, 0.6
NOT_GOOD, NOT_BAD = -0.6, -0.2
"""What a "not" makes of a good feeling and of a bad one: who is not happy is unhappy, who is not scared only calm."""
EVEN = 4.0
"""How fast the score of a turn nears -1 or 1 as its weights add up: w / sqrt(w * w + EVEN)."""
DISTRESSED_FROM = -2.5
"""A phrase of this weight or below alone makes a turn distressed."""
TOLD_FROM = 0.33
"""A turn whose score is nearer to 0 than this is neutral: a thank you alone is politeness."""


@dataclass(frozen=True, slots=True)
class _Felt:
    """A phrase that tells a feeling, with its weight as the words before it leave it."""

    weight: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Lists:
    phrases: Phrases[float]
    more: frozenset[str]
    less: frozenset[str]
    turning: frozenset[str]


def sentiment(reading: Reading, turns: Sequence[Turn]) -> Sentiment:
    """The feelings of each turn of the patient, or of the whole text where nobody's turns are known.

    Scores run from -1 to 1; that of the whole is the mean of the turns that show a feeling.
    """
    told = [turn for turn in turns if turn.speaker == "patient"] if turns else [Turn(None, 0, len(reading.text))]
    starts = [each.start for each in reading.tokens]
    found = tuple(
        _turn(reading, turn, reading.tokens[bisect_left(starts, turn.start) : bisect_left(starts, turn.end)])
        for turn in told
        if reading.text[turn.start : turn.end].strip()
    )
    shown = [each for each in found if each.label != "neutral"]
    score = round(sum(each.score for each in shown) / len(shown), 3) if shown else 0.0
    return Sentiment(_label(score, distressed=any(each.label == "distressed" for each in shown)), score, found)


def _turn(reading: Reading, turn: Turn, tokens: Sequence[Token]) -> TurnSentiment:
    text = reading.text[turn.start : turn.end]
    start = turn.start + len(text) - len(text.lstrip())
    felt = list(_felt(tokens))
    total = sum(each.weight for each in felt)
    score = round(total / sqrt(total * total + EVEN), 3)
    label = _label(score, distressed=any(each.weight <= DISTRESSED_FROM for each in felt))
    evidence = tuple(reading.span(each.start, each.end) for each in felt)
    return TurnSentiment(label, score, reading.span(start, turn.start + len(text.rstrip())), evidence)


def _label(score: float, *, distressed: bool) -> Mood:
    if distressed and score < 0:
        return "distressed"
    if abs(score) < TOLD_FROM:
        return "neutral"
    return "positive" if score > 0 else "negative"


def _felt(tokens: Sequence[Token]) -> Iterator[_Felt]:
    lists = _lists()
    words = [each.word for each in tokens]
    for hit in lists.phrases.find(words):
        before = _before(words, hit.first)
        if not hit.value or _of_others(words, hit.first):
            continue
        weight, first = hit.value, hit.first
        for place, word in before:
            factor = _factor(lists, word, weight)
            weight, first = weight * factor, place if factor != 1.0 else first
        yield _Felt(weight, tokens[first].start, tokens[hit.last - 1].end)


def _factor(lists: _Lists, word: str, weight: float) -> float:
    if word in lists.turning:
        return NOT_GOOD if weight > 0 else NOT_BAD
    if word in lists.more:
        return MORE
    return LESS if word in lists.less else 1.0


def _before(words: Sequence[str], first: int) -> list[tuple[int, str]]:
    """The words just before a phrase, the nearest first, back to a sign."""
    found = []
    for place in range(first - 1, max(-1, first - 1 - LOOK_BACK_WORDS), -1):
        if not words[place][0].isalnum():
            break
        found.append((place, words[place]))
    return found


def _of_others(words: Sequence[str], first: int) -> bool:
    """Whether somebody else feels it: my wife is worried."""
    start = max((n + 1 for n in range(first) if words[n] in {".", "!", "?", ";", ","}), default=0)
    clause = words[start:first]
    own = max((n for n, word in enumerate(clause) if word in {"i", "i'm", "i've", "me", "estoy", "tengo"}), default=-1)
    return any(each.first > own and not each.behind for each in relatives(clause))


@cache
def _lists() -> _Lists:
    table = tomllib.loads((DATA / "sentiment.toml").read_text(encoding="utf-8"))
    scale = {name: frozenset(words) for name, words in table.pop("scale").items()}
    phrases = {phrase: float(row["weight"]) for row in table.values() for phrase in row["phrases"]}
    return _Lists(Phrases(phrases), scale["more"], scale["less"], scale["not"])
