"""Which dose, how often and what came of each drug: what a text says of one drug is not true of the next."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from worker.clinical import claims, wording
from worker.clinical.claims import Claim
from worker.clinical.folded import fold
from worker.clinical.grounds import Source
from worker.clinical.tokens import word_set
from worker.clinical.wording import Wording

OF_DRUGS = frozenset({"times", "period", "daytime", "skipping"})
STOP = Claim("order", "stop")
REACH = 3
"""Words between a drug and the stop that is said of it."""
LEAST_DOSE = 5
"""A number right behind a drug is a dose from here on: metformin 1000, but allergic to penicillin 2 years ago."""
HABITS = frozenset({"smoke", "fumar"})
_OVER = word_set("former formerly ex previously quit stopped used past exfumador exfumadora antiguo")


def wrong_dose(source: Source, written: Wording) -> bool:
    """Whether a drug gets a dose that the text does not give it, or a frequency that differs from the text's."""
    drugs = _drugs(source)
    given = {pair for said in source.sentences for pair in _doses(said.wording, drugs)}
    asked = set(_doses(written, drugs))
    wrong = (pair for pair in asked - given if isinstance(pair[1], str) or _axis_known(given, *pair))
    return any(isinstance(said, Claim) or not _given_near(source, drug, said) for drug, said in wrong)


def wrong_end(source: Source, written: Wording) -> bool:
    """Whether a drug is said to be stopped that the text does not stop, or a habit to go on that the text ends."""
    drugs = _drugs(source)
    if _stopped(written, drugs) - frozenset(_all_stopped(source, drugs)):
        return True
    kept = HABITS & written.stems if not _over(written) else frozenset()
    return any(_ended(source, habit) for habit in kept)


def _ended(source: Source, habit: str) -> bool:
    about = [said for said in source.sentences if habit in said.wording.stems and not said.asks]
    return bool(about) and all(_over(said.wording) for said in about)


def _over(words: Wording) -> bool:
    return bool(_OVER & set(words.words)) or any(each.claim == STOP for each in claims.of(words.words))


def _drugs(source: Source) -> frozenset[str]:
    named = (each for each in source.mentions if each.kind in {"medication", "allergy"})
    return frozenset(fold(each.text).split()[0] for each in named)


def _given_near(source: Source, drug: str, value: str) -> bool:
    """Whether the number stands in a sentence that names the drug, or without a unit in the answer to one that does."""
    for said in source.sentences:
        numbers = [each for each in said.wording.numbers if each.value == value]
        if numbers and drug in said.before.words and not _names_drug(said.wording, source):
            return True
        if any(each.unit is None for each in numbers) and drug in said.wording.words:
            return True
    return False


def _names_drug(words: Wording, source: Source) -> bool:
    """Whether a sentence names any drug of the text."""
    return not _drugs(source).isdisjoint(words.words)


def _axis_known(given: set[tuple[str, str | Claim]], drug: str, claim: str | Claim) -> bool:
    """Whether the text says how often a drug is taken, so that another frequency is wrong."""
    theirs = (said for name, said in given if name == drug)
    return isinstance(claim, Claim) and any(isinstance(said, Claim) and said.axis == claim.axis for said in theirs)


def _doses(words: Wording, drugs: frozenset[str]) -> Iterable[tuple[str, str | Claim]]:
    """Each drug with the amounts and frequencies that follow it before the next drug."""
    places = [at for at, word in enumerate(words.words) if word in drugs]
    if not places:
        return
    often = [each for each in claims.of(words.words) if each.claim.axis in OF_DRUGS]
    for at, end in pairwise([*places, len(words.words)]):
        for number in words.numbers:
            dosed = number.unit in wording.DOSES or (number.at == at + 1 and _much(number))
            if at < number.at < end and dosed:
                yield words.words[at], number.value
        for each in often:
            if at < each.at < end:
                yield words.words[at], each.claim


def _much(number: wording.Number) -> bool:
    return number.unit is None and number.value.isdigit() and int(number.value) >= LEAST_DOSE


def _stopped(words: Wording, drugs: frozenset[str]) -> frozenset[str]:
    """The drugs that a sentence stops: the nearest behind the word, else the nearest before it."""
    found: set[str] = set()
    for each in claims.of(words.words):
        if each.claim != STOP:
            continue
        behind = [word for word in words.words[each.at + 1 : each.at + 1 + REACH] if word in drugs]
        before = [word for word in words.words[max(0, each.at - REACH) : each.at] if word in drugs]
        found.update(behind[:1] or before[-1:])
    return frozenset(found)


def _all_stopped(source: Source, drugs: frozenset[str]) -> Iterable[str]:
    """The drugs of each sentence that stops something; where it names none, those of the sentence before."""
    for said in source.sentences:
        if STOP in said.claims:
            yield from drugs.intersection(said.wording.words) or drugs.intersection(said.before.words)
    for each in source.mentions:
        if each.kind == "medication" and each.attribute("status") in {"stopped", "discontinued"}:
            yield fold(each.text).split()[0]
